import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { UploadService, WritePartResponseSchema } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { crc32 } from "../../domain/crc32.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { UNARY_PART_MAX_BYTES } from "../../domain/uploads/part-plan.ts";
import { PART_LIMITS } from "../../rpc/calls/message-limits.ts";
import { nameCall } from "../../rpc/calls/name-call.ts";
import { headerOf } from "../../rpc/listener/node-messages.ts";
import { toByteRangeMessage } from "../../rpc/messages/upload-message.ts";
import type { ApiOptions } from "../../rpc/router.ts";
import { answerMessage, assertAcceptable, toMessageJson } from "../answers.ts";
import type { Serve } from "../method-routes.ts";
import { continueRequest } from "../requests/continue-request.ts";
import { assertNotEncoded } from "../requests/read-body.ts";
import { positionOf } from "../requests/rest-call.ts";
import { parseFileHeaders } from "./file-headers.ts";

/**
 * Serves `PUT …/uploads/{upload_id}/parts/{part_number}`: WritePart with the part as the body, of at most 16 MiB. The body is
 * asked for and read once there is room for it. X-Sluice-Crc32 and Content-Digest are compared with the bytes that came;
 * without them, only the way from the service to S3 is proven.
 */
export function createPartPut({ authenticate, uploads }: Pick<ApiOptions, "authenticate" | "uploads">): Serve {
  return async (call) => {
    const { request, arrival, signal, variables } = call;
    nameCall(UploadService.method.writePart);
    assertAcceptable(request, "application/json");
    assertNotEncoded(request);
    const caller = await authenticate((name) => headerOf(request, name), request.socket.remoteAddress);
    const partNumber = parsePartNumber(variables.get("part_number") ?? "");
    const declared = parseFileHeaders(request);
    arrival.assertDeclaredWithin(UNARY_PART_MAX_BYTES);
    const release = await uploads.admitPart(arrival, { caller, signal });
    try {
      continueRequest(call);
      const bytes = await arrival.readWhole({ ...PART_LIMITS, maxBytes: UNARY_PART_MAX_BYTES });
      if (declared.sha256 !== undefined) assertSha256(bytes, declared.sha256);
      const part = {
        namespace: variables.get("namespace") ?? "",
        uploadId: variables.get("upload_id") ?? "",
        partNumber,
        crc32: declared.crc32 ?? crc32(bytes),
        bytes,
      };
      const {
        range,
        crc32: written,
        wasDurable,
      } = await uploads.writePart(part, { caller, position: positionOf(request), signal });
      const message = create(WritePartResponseSchema, { range: toByteRangeMessage(range), crc32: written, wasDurable });
      answerMessage(call, { message, json: toMessageJson(WritePartResponseSchema, message) });
    } finally {
      release();
    }
  };
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
