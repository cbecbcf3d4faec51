import type { IncomingMessage } from "node:http";
import { AwsChunkedDecoder } from "./aws-chunked.ts";
import { type CheckOptions, PayloadChecks, type ReceivedPayload } from "./payload-checks.ts";
import type { PayloadPlan } from "./payload-plan.ts";
import { S3Error } from "./s3-error.ts";

/** Where payload bytes go. */
export interface PayloadSink {
  /** Called once, before the first write: `resume` when there is room again, `fail` when writing has failed. */
  attach(resume: () => void, fail: (error: Error) => void): void;
  /** Takes a slice, keeping a reference; false asks for no more until the sink resumes the caller. */
  write(slice: Buffer): boolean;
}

/** How to read a body. */
export interface ReceiveOptions extends CheckOptions {
  readonly plan: PayloadPlan;
  readonly sink: PayloadSink;
  /** S3 gives up on a body that is silent this long and says `RequestTimeout`. */
  readonly idleTimeoutMs: number;
  /** Destroys the connection once this many payload bytes have arrived: a scripted fault. */
  readonly cutAfterBytes: number | undefined;
}

/** The client went away in the middle of its request, so there is nobody to answer. */
export class ConnectionLost extends Error {
  constructor() {
    super("the connection ended before the request did");
    this.name = "ConnectionLost";
  }
}

/**
 * Reads a body to its end, pushing slices into the sink with its back pressure; no byte is copied here.
 * The first failure stops the reading and rejects; the sink is then left for its owner to discard.
 * @throws S3Error what PayloadChecks and AwsChunkedDecoder throw, `RequestTimeout`; ConnectionLost.
 */
export function receivePayload(request: IncomingMessage, options: ReceiveOptions): Promise<ReceivedPayload> {
  const { plan, sink } = options;
  const cutAfterBytes = options.cutAfterBytes ?? Number.POSITIVE_INFINITY;
  const checks = new PayloadChecks(plan, options);
  const decoder = plan.framing === "aws-chunked" ? new AwsChunkedDecoder() : undefined;
  return new Promise((resolve, reject) => {
    const idle = setTimeout(() => {
      // A paused body waits for our disk, not for the client.
      if (request.isPaused()) idle.refresh();
      else fail(new S3Error("RequestTimeout", IDLE_MESSAGE));
    }, options.idleTimeoutMs);
    const take = (slice: Buffer) => {
      checks.take(slice);
      if (!sink.write(slice)) request.pause();
    };
    const onData = (piece: Buffer) => {
      idle.refresh();
      try {
        if (decoder === undefined) take(piece);
        else decoder.push(piece, take);
      } catch (error) {
        fail(error as Error);
      }
      if (checks.sizeBytes >= cutAfterBytes) request.socket.destroy();
    };
    const onEnd = () => {
      detach();
      try {
        if (decoder?.finished === false)
          throw new S3Error("IncompleteBody", "The request body ends within its framing");
        resolve(checks.finish(decoder?.trailers));
      } catch (error) {
        reject(error);
      }
    };
    const onClose = () => fail(new ConnectionLost());
    const detach = () => {
      clearTimeout(idle);
      request.off("data", onData).off("end", onEnd).off("close", onClose);
    };
    const fail = (error: Error) => {
      detach();
      // What is left of a refused body is read and thrown away, so that the client gets to read its answer.
      request.resume();
      reject(error);
    };
    sink.attach(() => request.resume(), fail);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    if (request.destroyed) onClose();
  });
}

const IDLE_MESSAGE =
  "Your socket connection to the server was not read from or written to within the timeout period. " +
  "Idle connections will be closed.";
