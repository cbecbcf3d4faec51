// The tus project's Node server with its S3 store.
import { createServer } from "node:http";
import { S3Store } from "@tus/s3-store";
import { Server } from "@tus/server";
import { sinkBucket, sinkClientOptions } from "../stage/sink-client.ts";
import { announceServer, parseServerArguments } from "./server-process.ts";

const { sinkUrl, partSizeBytes } = parseServerArguments();
const datastore = new S3Store({
  partSize: partSizeBytes,
  s3ClientConfig: { bucket: sinkBucket, ...sinkClientOptions(sinkUrl) },
});
const tus = new Server({ path: "/files", datastore });
announceServer(
  createServer((req, res) => tus.handle(req, res)),
  "http",
);
