// A long line: a TCP relay that delays and paces the bytes, as distance and bandwidth do. The two directions share nothing.
import { connect, createServer, type Socket } from "node:net";
import { announceServer } from "./server-process.ts";

/** The arguments of this program: one JSON argument on its command line. */
export interface LineArguments {
  readonly targetUrl: string;
  readonly roundTripMs: number;
  readonly bytesPerSecond: number;
}

const { targetUrl, roundTripMs, bytesPerSecond } = JSON.parse(process.argv[2]!) as LineArguments;
const { hostname, port } = new URL(targetUrl);
/**
 * Bytes that the line itself holds, and as many again in front of it. When they are full, the sender's socket is no longer read.
 */
const heldMaxBytes = 2 * bytesPerSecond * (roundTripMs / 2000) + 2 * 2 ** 20;

announceServer(
  createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
    carry(near, far);
    carry(far, near);
  }),
  "http",
);

/** Carries one direction. The bits of a piece take their time one after the other, and then half a round trip to arrive. */
function carry(from: Socket, to: Socket): void {
  const held: { bytes: Buffer; arrivesAt: number }[] = [];
  let heldBytes = 0;
  let lineFreeAt = 0;
  let isDraining = false;
  let isEnded = false;
  let timer: NodeJS.Timeout | undefined;
  const schedule = () => {
    if (timer !== undefined || isDraining) return;
    const [first] = held;
    if (first !== undefined) timer = setTimeout(deliver, Math.max(0, first.arrivesAt - performance.now()));
    else if (isEnded) to.end();
  };
  const deliver = () => {
    timer = undefined;
    const now = performance.now();
    for (let first = held[0]; first !== undefined && first.arrivesAt <= now && !isDraining; first = held[0]) {
      held.shift();
      heldBytes -= first.bytes.length;
      isDraining = !to.write(first.bytes);
    }
    if (heldBytes <= heldMaxBytes) from.resume();
    schedule();
  };
  from.on("data", (bytes: Buffer) => {
    lineFreeAt = Math.max(lineFreeAt, performance.now()) + (bytes.length / bytesPerSecond) * 1000;
    held.push({ bytes, arrivesAt: lineFreeAt + roundTripMs / 2 });
    heldBytes += bytes.length;
    if (heldBytes > heldMaxBytes) from.pause();
    schedule();
  });
  to.on("drain", () => {
    isDraining = false;
    schedule();
  });
  from.on("end", () => {
    isEnded = true;
    schedule();
  });
  from.on("error", () => to.destroy());
  from.on("close", () => {
    if (!isEnded) to.destroy();
  });
}
