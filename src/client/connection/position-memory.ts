import type { Interceptor } from "@connectrpc/connect";

/** Name of the header, and of the trailer after a stream, that carries a commit position. */
export const POSITION_HEADER = "sluice-position";

/** The commit position of the latest change that one client has made and seen. */
export interface PositionMemory {
  /** Notes the positions that commands answer, and sends the remembered one with each call that begins afterwards. */
  interceptor: Interceptor;
  /** Notes the position that a stream ended with. An invalid value changes nothing. */
  note(position: unknown): void;
}

/** Lets a client see its own changes at every replica: it remembers the latest commit position that it was answered. */
export function createPositionMemory(): PositionMemory {
  let seen: string | undefined;
  const note = (position: unknown) => {
    if (typeof position === "string" && toNumber(position) > toNumber(seen ?? "0")) seen = position;
  };
  const interceptor: Interceptor = (next) => async (request) => {
    if (seen !== undefined) request.header.set(POSITION_HEADER, seen);
    const response = await next(request);
    note(response.header.get(POSITION_HEADER));
    return response;
  };
  return { interceptor, note };
}

/** The number of a position like "1024"; invalid text gives a number below all others. */
function toNumber(position: string): bigint {
  return /^\d{1,19}$/.test(position) ? BigInt(position) : -1n;
}
