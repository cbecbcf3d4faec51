import type { DescMethod } from "@bufbuild/protobuf";
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { PART_MESSAGE_MAX_BYTES } from "../../domain/uploads/part-plan.ts";

/** Limits of a caller's message. */
export interface MessageLimits {
  /** Size of the message in bytes, after decompression. */
  maxBytes: number;
  /** Time from the first reading until the whole message is there, in milliseconds, however evenly it comes. */
  timeoutMs: number;
}

/**
 * How often the bytes of a message are counted while its call lasts: parsed messages take more memory. Measured for protobuf:
 * two bytes, an empty message in a list, become 84 bytes of heap.
 */
export const PARSED_TIMES = 42;

/** Largest message of health and reflection, in bytes: it names one service or symbol, and a health check needs no token. */
export const QUESTION_MAX_BYTES = 1024;
/** Limits of a message with a part. At 75 KB/s the largest part is there in time; the stall timeout ends one that stops. */
export const PART_LIMITS: MessageLimits = { maxBytes: PART_MESSAGE_MAX_BYTES, timeoutMs: 300_000 };

/** The limits of a method's message; `ordinary` are the limits of all methods that have none of their own. */
export function messageLimitsOf(method: DescMethod, ordinary: MessageLimits): MessageLimits {
  if (method.parent === Health) return { ...ordinary, maxBytes: QUESTION_MAX_BYTES };
  return method === UploadService.method.writePart ? PART_LIMITS : ordinary;
}
