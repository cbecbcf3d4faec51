import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { WritePartResponseSchema } from "../../gen/sluice/v1/upload_service_pb.ts";
import { crc32 } from "../domain/crc32.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import { UNARY_PART_MAX_BYTES } from "../domain/part-plan.ts";
import { nameConnection } from "../rpc/message-arrival.ts";
import type { NodeRequest } from "../rpc/node-messages.ts";
import type { MessageToAdmit } from "../rpc/part-gate.ts";
import type { ApiOptions } from "../rpc/router.ts";
import { toByteRangeMessage } from "../rpc/upload-message.ts";
import { answerMessage, assertAcceptable, toMessageJson } from "./answers.ts";
import { continueRequest } from "./continue-request.ts";
import { parseFileHeaders } from "./file-headers.ts";
import type { Serve } from "./method-routes.ts";
import { assertNotEncoded, assertWithin, type BodyWatch, declaredLength, readBody } from "./read-body.ts";
import { headerOf, positionOf } from "./rest-call.ts";

/**
 * Serves `PUT …/uploads/{upload_id}/parts/{part_number}`: WritePart with the part as the body, of at most 16 MiB. The body is
 * asked for, and read, once there is room for it. X-Sluice-Crc32 and Content-Digest are compared with what came; without
 * them only the way from here to S3 is proven.
 */
export function createPartPut({ authenticate, uploads }: Pick<ApiOptions, "authenticate" | "uploads">): Serve {
  return async (call) => {
    const { request, signal, variables } = call;
    assertAcceptable(request, "application/json");
    assertNotEncoded(request);
    const caller = await authenticate((name) => headerOf(request, name), request.socket.remoteAddress);
    const partNumber = parsePartNumber(variables.get("part_number") ?? "");
    const declared = parseFileHeaders(request);
    const messageBytes = declaredLength(request);
    assertWithin(messageBytes ?? 0, UNARY_PART_MAX_BYTES);
    const arrival = new PartArrival(messageBytes, nameConnection(request));
    const release = await uploads.admitPart(arrival, { signal });
    try {
      continueRequest(call);
      const bytes = await arrival.read(request);
      if (declared.sha256 !== undefined) assertSha256(bytes, declared.sha256);
      const part = {
        namespace: variables.get("namespace") ?? "",
        uploadId: variables.get("upload_id") ?? "",
        ...{ partNumber, crc32: declared.crc32 ?? crc32(bytes), bytes },
      };
      const {
        range,
        crc32: written,
        wasDurable,
      } = await uploads.writePart(part, {
        ...{ caller, position: positionOf(request), signal },
      });
      const message = create(WritePartResponseSchema, {
        ...{ range: toByteRangeMessage(range), crc32: written, wasDurable },
      });
      answerMessage(call, { message, json: toMessageJson(WritePartResponseSchema, message) });
    } finally {
      release();
    }
  };
}

/** The body of a part while it arrives: how far it is, and the power to refuse it in the middle. */
class PartArrival implements MessageToAdmit {
  readonly messageBytes: number | undefined;
  readonly connection: string;
  receivedBytes = 0;
  isWhole = false;
  readonly #refused = new AbortController();
  #pause: BodyWatch["pause"];

  constructor(messageBytes: number | undefined, connection: string) {
    this.messageBytes = messageBytes;
    this.connection = connection;
  }

  refuse(error: Error): void {
    this.#refused.abort(error);
  }

  expectBytesWithin(timeoutMs: number, toError: () => Error): void {
    this.#pause = { timeoutMs, toError };
  }

  async read(request: NodeRequest): Promise<Buffer> {
    const bytes = await readBody(request, {
      ...{ maxBytes: UNARY_PART_MAX_BYTES, signal: this.#refused.signal, pause: this.#pause },
      onBytes: (count) => {
        this.receivedBytes += count;
      },
    });
    this.isWhole = true;
    return bytes;
  }
}

function parsePartNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalidArgument(
    "part_number",
    `part_number is ${JSON.stringify(text.slice(0, 100))}; it is a whole number from 1`,
  );
}

function assertSha256(bytes: Uint8Array, expected: Uint8Array): void {
  const actual = createHash("sha256").update(bytes).digest();
  if (actual.equals(expected)) return;
  throw new DomainError("aborted", "the body does not have the SHA-256 that its Content-Digest says; send it again", {
    reason: "CHECKSUM_MISMATCH",
    field: "content-digest",
    details: { sha256: actual.toString("hex"), expected_sha256: Buffer.from(expected).toString("hex") },
  });
}
