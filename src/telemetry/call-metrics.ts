import { recordMetric } from "./metrics.ts";
import { type CallEnd, type ObservedCall, SYSTEMS, toOutcome, toStatus } from "./observed-call.ts";

/** Counts a call that has ended, how long it took, and the bytes of files that it sent. */
export function measureCall(call: ObservedCall, end: CallEnd): void {
  const { method, namespace, face } = call;
  const status = toStatus(call, end);
  const labels = { "rpc.method": method, ...(namespace !== "" && { "sluice.namespace": namespace }) };
  recordMetric("rpc.server.call.duration", end.durationMs / 1000, {
    ...labels,
    "rpc.system.name": SYSTEMS[face],
    "rpc.status_code": status,
    ...(status !== "OK" && { "error.type": toOutcome(call, end) }),
  });
  const sentBytes = call.countSentBytes();
  if (sentBytes > 0) recordMetric("sluice.download.bytes", sentBytes, labels);
}
