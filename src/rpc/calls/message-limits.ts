import type { DescMethod } from "@bufbuild/protobuf";
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { PART_MESSAGE_MAX_BYTES } from "../../domain/uploads/part-plan.ts";

/** What the message of a caller may take. */
export interface MessageLimits {
  /** Its size in bytes, after decompression. */
  maxBytes: number;
  /** From when it is read until all of it is there, in milliseconds, however evenly it comes. */
  timeoutMs: number;
}

/**
 * How often the bytes of a message are counted while its call lasts. Measured, of protobuf: two bytes, an empty message in a
 * list, become 84 bytes of heap.
 */
export const PARSED_TIMES = 42;

/** Largest message of health and reflection, in bytes: it names one service or symbol, and health needs no token for it. */
export const QUESTION_MAX_BYTES = 1024;
/** Of a message with a part: at 75 KB/s the largest is there in time, and one that stops is given up by the stall timeout. */
export const PART_LIMITS: MessageLimits = { maxBytes: PART_MESSAGE_MAX_BYTES, timeoutMs: 300_000 };

/** The limits of a method's message; `ordinary` are those of all that have none of their own. */
export function messageLimitsOf(method: DescMethod, ordinary: MessageLimits): MessageLimits {
  if (method.parent === Health) return { ...ordinary, maxBytes: QUESTION_MAX_BYTES };
  return method === UploadService.method.writePart ? PART_LIMITS : ordinary;
}
