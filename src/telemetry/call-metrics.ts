import { BoundedNames } from "./bounded-names.ts";
import { recordMetric } from "./metrics.ts";
import { type CallEnd, type ObservedCall, SYSTEMS, toOutcome, toStatus } from "./observed-call.ts";

/** Namespaces that metrics tell apart: each is some twenty series for each method that is called in it. */
export const NAMESPACES_MAX = 100;

/** Counts calls, how long they take, and the bytes of files that they carry. */
export function createCallMetrics(): (call: ObservedCall, end: CallEnd) => void {
  const namespaces = new BoundedNames(NAMESPACES_MAX);
  return (call, end) => {
    const { method, namespace, face } = call;
    const status = toStatus(call, end);
    const labels = {
      "rpc.method": method,
      ...(namespace !== "" && { "sluice.namespace": namespaces.of(namespace) }),
    };
    recordMetric("rpc.server.call.duration", end.durationMs / 1000, {
      ...labels,
      "rpc.system.name": SYSTEMS[face],
      "rpc.status_code": status,
      ...(status !== "OK" && { "error.type": toOutcome(call, end) }),
    });
    const fileBytes = call.countFileBytes();
    if (fileBytes > 0) recordMetric("sluice.file.bytes", fileBytes, labels);
  };
}
