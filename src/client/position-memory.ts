import type { Interceptor } from "@connectrpc/connect";

/** The header, and behind a stream the trailer, that carries a position. */
export const POSITION_HEADER = "sluice-position";

/** What one client has seen of the changes that it made. */
export interface PositionMemory {
  /** Notes what commands answer, and sends what is remembered with each call that begins after. */
  interceptor: Interceptor;
  /** Notes what a stream ended with; what is no position changes nothing. */
  note(position: unknown): void;
}

/** Has a client see its own changes at every replica: remembers the furthest position that it was answered. */
export function createPositionMemory(): PositionMemory {
  let seen: string | undefined;
  const note = (position: unknown) => {
    if (typeof position === "string" && toNumber(position) > toNumber(seen ?? "0/0")) seen = position;
  };
  const interceptor: Interceptor = (next) => async (request) => {
    if (seen !== undefined) request.header.set(POSITION_HEADER, seen);
    const response = await next(request);
    note(response.header.get(POSITION_HEADER));
    return response;
  };
  return { interceptor, note };
}

/** Of the form "16/B374D848"; less than all others where it is none. */
function toNumber(position: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(position) ?? [];
  return high === undefined || low === undefined ? -1n : (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
