// The listener that an attacker meets in place of a service: it takes every connection, reads everything and answers nothing.
import { createServer } from "node:net";
import { announceServer } from "../servers/server-process.ts";

announceServer(
  createServer((socket) => socket.on("error", () => undefined).resume()),
  "http",
);
