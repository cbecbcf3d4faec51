import { ATTR_RPC_METHOD, ATTR_RPC_SYSTEM_NAME } from "@opentelemetry/semantic-conventions";
import { inClientSpan } from "../telemetry/client-span.ts";
import { recordMetric } from "../telemetry/metrics.ts";

/**
 * Runs one request to S3, and measures it: as a span by the conventions of https://opentelemetry.io/docs/specs/semconv/object-stores/s3/. The key is not
 * in it: the spans of an upload are found by their trace.
 */
export function inRequestSpan<T>(
  operation: string,
  { bucket, partNumber }: { bucket: string | undefined; partNumber?: string | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const attributes = {
    [ATTR_RPC_SYSTEM_NAME]: "aws-api",
    [ATTR_RPC_METHOD]: `S3/${operation}`,
    ...(bucket !== undefined && { "aws.s3.bucket": bucket }),
    ...(partNumber !== undefined && { "aws.s3.part_number": Number(partNumber) }),
  };
  return inClientSpan(`S3.${operation}`, attributes, work, (seconds, error) => {
    recordMetric("sluice.s3.request.duration", seconds, {
      "rpc.method": `S3/${operation}`,
      ...(error !== undefined && { "error.type": error }),
    });
  });
}
