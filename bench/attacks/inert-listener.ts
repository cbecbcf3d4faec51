// What an attacker meets where there is no service: takes every connection, reads all, answers nothing.
import { createServer } from "node:net";
import { announceServer } from "../servers/server-process.ts";

announceServer(
  createServer((socket) => socket.on("error", () => undefined).resume()),
  "http",
);
