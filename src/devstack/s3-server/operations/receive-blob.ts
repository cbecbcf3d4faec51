import { createHash, randomBytes } from "node:crypto";
import type { Exchange } from "../protocol/exchange.ts";
import type { ReceivedPayload } from "../protocol/payload-checks.ts";
import { readPayloadPlan } from "../protocol/payload-plan.ts";
import { receivePayload } from "../protocol/receive-payload.ts";
import type { Segment } from "../storage/blobs.ts";
import type { S3State } from "./state.ts";

/** A body that is stored and verified, but that nothing refers to yet. */
export interface ReceivedBlob extends ReceivedPayload {
  readonly segment: Segment;
  /** Quoted. */
  readonly etag: string;
}

/**
 * Streams the body of a request into a new blob and hands it to `commit`, which takes over its reference. If the body
 * breaks a promise, the client goes away, or `commit` throws, the blob is gone and nothing else has changed.
 */
export async function receiveBlob<T>(
  state: S3State,
  exchange: Exchange,
  computeCrc32: boolean,
  commit: (blob: ReceivedBlob) => T,
): Promise<T> {
  const plan = readPayloadPlan(exchange.headers, exchange.payloadHash);
  const writer = await state.blobs.create();
  try {
    exchange.acceptBody();
    const received = await receivePayload(exchange.request, {
      plan,
      sink: writer,
      verify: state.verifyChecksums,
      computeCrc32,
      computeMd5: state.etags === "md5",
      idleTimeoutMs: state.bodyIdleTimeoutMs,
      cutAfterBytes: exchange.cutAfterBytes,
    });
    const segment = await writer.finish();
    return commit({ ...received, segment, etag: newEtag(received.md5) });
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** The ETag of a multipart object: S3's MD5 of the parts' ETags, and how many there are. */
export function multipartEtag(partEtags: readonly string[]): string {
  const hash = createHash("md5");
  for (const etag of partEtags) hash.update(Buffer.from(etag.replaceAll('"', "").slice(0, 32), "hex"));
  return `"${hash.digest("hex")}-${partEtags.length}"`;
}

// MD5 costs about 2 CPU-seconds for each GiB, more than everything else here together, and S3 clients must not rely on
// it (with SSE-KMS it is not MD5 either). The suffix is how S3 marks an ETag that is no MD5.
function newEtag(md5: string | undefined): string {
  return `"${md5 ?? `${randomBytes(16).toString("hex")}-1`}"`;
}
