// Makes calls at moments that are fixed beforehand, or as many calls as it can, and tells how long each took.
import { connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import type { CallRun, CallTimes } from "../metadata/call-load.ts";
import { parseClientArguments } from "./client-process.ts";
import { callGrpc } from "./grpc-upload.ts";

const { url, extra } = parseClientArguments();
const headers = { authorization: `Bearer ${extra!.token}` };
const sessions = Array.from({ length: Number(extra!.connections) }, () =>
  connect(url).on("error", (error) => process.emitWarning(error)),
);

process.on("disconnect", () => process.exit());
process.on("message", (run: CallRun) => {
  runCalls(run).then(
    (times) => process.send!(times),
    (error) => process.send!({ error: String(error) }),
  );
});
process.send!({ ready: true });

async function runCalls({ path, frames, ratePerSecond, inFlight, wantsAnswers }: CallRun): Promise<CallTimes> {
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  const answers: string[] = [];
  const bodies = frames.map((frame) => Buffer.from(frame, "base64"));
  const begun = performance.now();
  const call = async (index: number, intendedMs: number) => {
    try {
      const session = sessions[index % sessions.length]!;
      const [answer] = await callGrpc(session, { path, headers }, [[bodies[index]!]]);
      latenciesMs.push(performance.now() - intendedMs);
      if (wantsAnswers) answers[index] = answer!.toString("base64");
    } catch (error) {
      failures.push(String((error as Error).message));
    }
  };
  if (ratePerSecond === undefined) await closedLoop(bodies.length, inFlight, call);
  else await openLoop(bodies.length, begun, ratePerSecond, call);
  return { latenciesMs, failures, answers, seconds: (performance.now() - begun) / 1000 };
}

/**
 * The time of a call counts from the moment at which it was meant to begin, even if it had to wait. So one slow answer cannot
 * hide that the calls after it were late.
 */
async function openLoop(
  count: number,
  begun: number,
  ratePerSecond: number,
  call: (index: number, intendedMs: number) => Promise<void>,
): Promise<void> {
  const calls: Promise<void>[] = [];
  while (calls.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - begun) / 1000) * ratePerSecond) + 1);
    while (calls.length < due) calls.push(call(calls.length, begun + (calls.length / ratePerSecond) * 1000));
    await delay(1);
  }
  await Promise.all(calls);
}

async function closedLoop(
  count: number,
  inFlight: number,
  call: (index: number, intendedMs: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await call(next++, performance.now());
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}
