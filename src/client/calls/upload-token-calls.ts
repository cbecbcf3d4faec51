import { type CreateUploadTokenResponse, UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { UploadToken } from "../../../gen/sluice/v1/upload_token_pb.ts";
import { type Call, type CallOptions, present } from "./call.ts";

/** What an upload token is to allow. */
export type UploadTokenOptions = (
  | {
      /** Any path that begins with this, which ends in "/"; an empty one stands for the whole namespace. */
      prefix: string;
      path?: undefined;
    }
  | {
      /** This path alone. */
      path: string;
      prefix?: undefined;
    }
) & {
  /** Largest size of each file, in bytes; what the namespace allows when unset. */
  sizeMaxBytes?: number;
  /** Most uploads; one when unset. */
  uploadsMax?: number;
  /** Whether it makes new files only; otherwise it replaces what is at the path. */
  onlyNewFiles?: boolean;
  /** Whole seconds, at least 1,000; an hour when unset. */
  lifetimeMs?: number;
};

/** The method for upload tokens; it rejects as all unary calls do. */
export interface UploadTokenCalls {
  /** Makes a token by which a browser uploads to one place. Its `token` is shown now and never again. */
  createUploadToken(
    options: CallOptions & UploadTokenOptions,
  ): Promise<CreateUploadTokenResponse & { uploadToken: UploadToken }>;
}

/** The method for upload tokens, over the calls of a client. */
export function createUploadTokenCalls(call: Call): UploadTokenCalls {
  return {
    async createUploadToken({ signal, namespace = "default", lifetimeMs, sizeMaxBytes = 0, ...rest }) {
      const { prefix, path, ...limits } = rest;
      const request = {
        namespace,
        place:
          prefix === undefined ? { case: "path" as const, value: path } : { case: "prefix" as const, value: prefix },
        sizeMaxBytes: BigInt(sizeMaxBytes),
        ...limits,
        ...(lifetimeMs !== undefined && { lifetime: { seconds: BigInt(Math.floor(lifetimeMs / 1000)) } }),
      };
      const answer = await call(UploadService.method.createUploadToken, request, { signal });
      return { ...answer, uploadToken: present(answer.uploadToken, "upload_token") };
    },
  };
}
