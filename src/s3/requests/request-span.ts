import { ATTR_RPC_METHOD, ATTR_RPC_SYSTEM_NAME } from "@opentelemetry/semantic-conventions";
import { inClientSpan, nameError } from "../../telemetry/client-span.ts";
import { recordMetric } from "../../telemetry/metrics.ts";

/**
 * Runs one request to S3, and measures it: as a span by the conventions of https://opentelemetry.io/docs/specs/semconv/object-stores/s3/. The key is not
 * in it: the spans of an upload are found by their trace.
 */
export function inRequestSpan<T>(
  operation: string,
  { bucket, partNumber }: { bucket: string | undefined; partNumber?: string | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const method = `S3/${operation}`;
  const attributes = {
    [ATTR_RPC_SYSTEM_NAME]: "aws-api",
    [ATTR_RPC_METHOD]: method,
    ...(bucket !== undefined && { "aws.s3.bucket": bucket }),
    ...(partNumber !== undefined && { "aws.s3.part_number": Number(partNumber) }),
  };
  return inClientSpan(`S3.${operation}`, attributes, work, (seconds, error) => {
    if (error instanceof Error) methodOf.set(error, method);
    recordMetric("sluice.s3.request.duration", seconds, {
      "rpc.method": method,
      ...(error !== undefined && { "error.type": nameError(error) }),
    });
  });
}

/** The requests that errors have ended: whoever tries again knows the error alone. */
const methodOf = new WeakMap<Error, string>();

/** Counts a try that follows one that has failed with this error. */
export function countRetry(error: unknown): void {
  recordMetric("sluice.s3.retries", 1, {
    "rpc.method": error instanceof Error ? methodOf.get(error) : undefined,
    "error.type": nameError(error),
  });
}
