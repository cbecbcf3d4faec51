import { isIP } from "node:net";

/** Where a request came from: what the connection says, and what proxies wrote. */
export interface RequestOrigin {
  /** Address at the other end of the connection; undefined when it has ended. */
  readonly connectedFrom: string | undefined;
  /** The X-Forwarded-For header. */
  readonly forwardedFor: string | undefined | null;
}

/**
 * The address that a request comes from; empty when there is none. It is the address of the connection, or behind
 * `trustedProxies` the address that the outermost of them saw: each of these proxies adds the address that it sees to
 * X-Forwarded-For. Anybody may have written the entries further left.
 */
export function toSourceAddress({ connectedFrom = "", forwardedFor }: RequestOrigin, trustedProxies: number): string {
  const told = (forwardedFor ?? "").split(",").map((address) => address.trim());
  const address = trustedProxies === 0 ? undefined : told[Math.max(0, told.length - trustedProxies)];
  return (isIP(address ?? "") === 0 ? connectedFrom : (address as string)).replace(/^::ffff:(?=\d+\.)/, "");
}
