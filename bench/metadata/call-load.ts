import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ClientArguments } from "../clients/client-process.ts";
import { frameBefore } from "../clients/grpc-frame.ts";
import { forkProcess } from "../machine/child-process.ts";
import { serviceToken } from "../stage/sluice-service.ts";

/** The message that tells the client process what to call: one gRPC method, and the frame of each request in base64. */
export interface CallRun {
  readonly path: string;
  readonly frames: readonly string[];
  /**
   * Calls begin at this rate, whether earlier calls have been answered or not. Without a rate, `inFlight` calls run at a time.
   */
  readonly ratePerSecond?: number | undefined;
  readonly inFlight: number;
  readonly wantsAnswers: boolean;
}

/** The times and outcomes of the calls. */
export interface CallTimes {
  /**
   * Times of the calls that succeeded: each counts from the moment at which the call was meant to begin until its answer was
   * complete.
   */
  readonly latenciesMs: readonly number[];
  readonly failures: readonly string[];
  /** The answers in base64, in the order of the requests, if they were wanted. */
  readonly answers: readonly string[];
  readonly seconds: number;
}

/** A separate process that makes calls over several HTTP/2 connections. */
export interface CallLoad {
  /** Makes the calls at a rate, or `inFlight` of them at once. */
  run<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    requests: readonly MessageInitShape<I>[],
    pace: { ratePerSecond: number } | { inFlight: number },
  ): Promise<CallTimes>;
  /** Makes one call and resolves with its answer. */
  ask<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>>;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts the process with its connections to `url`; its calls carry the token. */
export async function startCallLoad(url: string, connections: number, token = serviceToken): Promise<CallLoad> {
  const args: ClientArguments = {
    url,
    chunkBytes: 0,
    extra: { token, connections: String(connections) },
  };
  const client = await forkProcess(new URL("../clients/open-loop-client.ts", import.meta.url), {
    args: [JSON.stringify(args)],
  });
  const send = async (run: CallRun) => (await client.ask(run)) as unknown as CallTimes;
  return {
    pid: client.pid,
    stop: () => client.stop(),
    run(method, requests, pace) {
      const frames = requests.map((request) => toFrame(method.input, request));
      return send({ path: pathOf(method), frames, inFlight: 1, wantsAnswers: false, ...pace });
    },
    async ask(method, request) {
      const frames = [toFrame(method.input, request)];
      const { answers, failures } = await send({ path: pathOf(method), frames, inFlight: 1, wantsAnswers: true });
      if (answers[0] === undefined) throw new Error(failures.join());
      return fromBinary(method.output, Buffer.from(answers[0], "base64"));
    },
  };
}

function pathOf({ parent, name }: DescMethodUnary): string {
  return `/${parent.typeName}/${name}`;
}

function toFrame<I extends DescMessage>(schema: I, request: MessageInitShape<I>): string {
  const message = toBinary(schema, create(schema, request));
  return frameBefore(message, Buffer.alloc(0)).toString("base64");
}

/** The latency within which this fraction of the calls was answered; undefined for no calls. */
export function quantile(latenciesMs: readonly number[], part: number): number | undefined {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)];
}
