import type { S3Client } from "@aws-sdk/client-s3";
import type { Breakers, OperationClass } from "./breaker.ts";
import { toDomainError } from "./errors.ts";
import type { KeptBodyPolicy } from "./kept-body.ts";
import { retry } from "./retry.ts";

/** What the adapter needs. */
export interface S3Access {
  client: S3Client;
  breakers: Breakers;
  body: KeptBodyPolicy;
}

/** One request behind its breaker, retried by policy; what fails for good is a DomainError beginning with `what`. */
export async function request<T>(
  access: S3Access,
  call: { operation: OperationClass; what: string; signal?: AbortSignal | undefined; send: () => Promise<T> },
): Promise<T> {
  try {
    return await retry(access.body.retry, () => access.breakers(call.operation, call.send), { signal: call.signal });
  } catch (error) {
    if (call.signal?.aborted === true) throw call.signal.reason;
    throw toDomainError(error, call.what);
  }
}
