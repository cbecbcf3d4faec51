import { invalidArgument } from "../../domain/errors.ts";

/** Units of the header, in milliseconds. */
const UNITS = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 } as const;

/** Node's timers take a longer wait for 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * The milliseconds that a call may last by its `grpc-timeout` (grpc.io "gRPC over HTTP2": at most eight digits and a
 * unit); undefined where nothing is said, and for more than 24 days, which no timer holds and no stream outlives.
 * `invalid_argument` for anything else.
 */
export function parseGrpcTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, value, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (value === undefined) {
    const message = `grpc-timeout is ${JSON.stringify(header.slice(0, 32))}; it is at most eight digits and one of H, M, S, m, u, n`;
    throw invalidArgument("grpc-timeout", message);
  }
  const timeoutMs = Number(value) * UNITS[unit as keyof typeof UNITS];
  return timeoutMs > TIMER_MAX_MS ? undefined : timeoutMs;
}
