import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type SignedPart, UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";

/** The content that is uploaded and the place that it goes to. */
export interface PartUploadOptions {
  readonly url: string;
  readonly token: string;
  readonly bytes: Buffer;
  readonly path: string;
  /** The parts go by WritePart, or to presigned URLs from SignParts. */
  readonly transport: "parts" | "urls";
  readonly onUploadId: (uploadId: string) => void;
}

const PARTS_IN_FLIGHT = 4;
const TIME_MAX_MS = 60_000;
const RETRY_AFTER_MS = 50;
/**
 * Memory that Node may use for the connection, in MB. When more than this waits to be sent, Node resets streams that are
 * being answered.
 */
const SESSION_MEMORY_MAX_MB = 256;
/** Codes of failures that another try does not mend. */
const FINAL = new Set([
  ...[Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition, Code.AlreadyExists, Code.DataLoss],
  ...[Code.PermissionDenied, Code.Unauthenticated, Code.Unimplemented],
]);

/**
 * Uploads whole parts, four at a time, as a browser does that cannot stream. Each call is repeated while the service is away,
 * and nothing of a failed call is kept. Rejects with a final failure, or after a minute of trying.
 */
export async function uploadInParts(options: PartUploadOptions): Promise<void> {
  const { bytes, path, transport } = options;
  const nodeOptions = { maxSessionMemory: SESSION_MEMORY_MAX_MB };
  const service = createClient(UploadService, createGrpcTransport({ baseUrl: options.url, nodeOptions }));
  const headers = { authorization: `Bearer ${options.token}` };
  const create = { requestId: randomUUID(), namespace: "default", path, sizeBytes: BigInt(bytes.length) };
  const { upload } = await persist(() => service.createUpload(create, { headers }));
  const { uploadId = "", partSizeBytes = 1n } = upload ?? {};
  options.onUploadId(uploadId);
  const target = { namespace: "default", uploadId };
  const sizeOfPart = Number(partSizeBytes);
  const send = async (partNumber: number) => {
    const data = bytes.subarray((partNumber - 1) * sizeOfPart, partNumber * sizeOfPart);
    const part = { partNumber, crc32: crc32(data) };
    if (transport === "parts") {
      await persist(() => service.writePart({ ...target, ...part, data: Uint8Array.from(data) }, { headers }));
      return;
    }
    await persist(async () => {
      const parts = [{ ...part, sizeBytes: BigInt(data.length) }];
      const { parts: signed } = await service.signParts({ ...target, parts }, { headers });
      await put(signed[0]!, data);
    });
  };
  const numbers = Array.from({ length: Math.ceil(bytes.length / sizeOfPart) }, (_, index) => index + 1).values();
  const lane = async () => {
    for (const partNumber of numbers) await send(partNumber);
  };
  await Promise.all(Array.from({ length: PARTS_IN_FLIGHT }, lane));
  const complete = { ...target, requestId: randomUUID(), crc32: crc32(bytes) };
  await persist(() => service.completeUpload(complete, { headers }));
}

/** Puts a part to its URL. A part without a URL is durable already. */
async function put({ url, headers }: SignedPart, data: Buffer): Promise<void> {
  if (url === "") return;
  const { "content-length": _, ...others } = headers;
  const body = Uint8Array.from(data);
  const answer = await fetch(url, { method: "PUT", headers: { ...others, connection: "close" }, body });
  await answer.arrayBuffer();
  if (!answer.ok) throw new ConnectError(`storage answered ${answer.status}`, Code.Unavailable);
}

async function persist<T>(step: () => Promise<T>): Promise<T> {
  for (const endsAt = performance.now() + TIME_MAX_MS; ; await delay(RETRY_AFTER_MS)) {
    try {
      return await step();
    } catch (error) {
      const isFinal = error instanceof ConnectError && FINAL.has(error.code);
      if (isFinal || performance.now() > endsAt) throw error;
    }
  }
}
