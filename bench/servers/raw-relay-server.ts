// The limit: bytes go from socket to socket, and nothing looks at them.
import { connect, createServer } from "node:net";
import { announceServer, parseServerArguments } from "./server-process.ts";

const { hostname, port } = new URL(parseServerArguments().sinkUrl);

announceServer(
  createServer((caller) => {
    const sink = connect(Number(port), hostname);
    const end = () => {
      caller.destroy();
      sink.destroy();
    };
    caller.on("error", end).pipe(sink).on("error", end).pipe(caller);
  }),
  "http",
);
