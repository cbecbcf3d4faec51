import type { Exchange } from "./exchange.ts";
import { readPayloadPlan } from "./payload-plan.ts";
import { receivePayload } from "./receive-payload.ts";
import { S3Error } from "./s3-error.ts";

/** Ten thousand parts with checksums are about 2 MiB of XML. */
const TEXT_MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads a whole XML body, verified like any other.
 * @throws S3Error `MalformedXML` above 8 MiB, and what reading a payload throws.
 */
export async function receiveText(limits: { bodyIdleTimeoutMs: number }, exchange: Exchange): Promise<string> {
  const headers = new Map(exchange.headers);
  // Of a Complete this header is about the object, not about the body.
  if (exchange.operation === "CompleteMultipartUpload") headers.delete("x-amz-checksum-crc32");
  const plan = readPayloadPlan(headers, exchange.payloadHash);
  if (plan.sizeBytes > TEXT_MAX_BYTES) throw new S3Error("MalformedXML", `the body is over ${TEXT_MAX_BYTES} bytes`);
  const slices: Buffer[] = [];
  exchange.acceptBody();
  await receivePayload(exchange.request, {
    plan,
    sink: { attach: () => undefined, write: (slice) => slices.push(slice) > 0 },
    verify: true,
    computeCrc32: false,
    computeMd5: false,
    idleTimeoutMs: limits.bodyIdleTimeoutMs,
    cutAfterBytes: exchange.cutAfterBytes,
  });
  return Buffer.concat(slices).toString("utf8");
}
