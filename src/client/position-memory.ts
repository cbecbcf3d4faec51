import type { Interceptor } from "@connectrpc/connect";

const HEADER = "sluice-position";

/**
 * Has a client see its own changes at every replica: remembers the furthest position that a command answered, and sends it
 * with each call that begins after.
 */
export function createPositionMemory(): Interceptor {
  let seen: string | undefined;
  return (next) => async (request) => {
    if (seen !== undefined) request.header.set(HEADER, seen);
    const response = await next(request);
    const answered = response.header.get(HEADER);
    if (answered !== null && toNumber(answered) > toNumber(seen ?? "0/0")) seen = answered;
    return response;
  };
}

/** Of the form "16/B374D848"; less than all others where it is none. */
function toNumber(position: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(position) ?? [];
  return high === undefined || low === undefined ? -1n : (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
