import type { Authenticator } from "./authenticator.ts";
import { toSourceAddress } from "./source-address.ts";

/** Adds to every caller the address that the call comes from, behind as many trusted proxies as the environment says. */
export function addAddress(authenticate: Authenticator, { trustedProxies }: { trustedProxies: number }): Authenticator {
  return async (header, connectedFrom) => {
    const caller = await authenticate(header, connectedFrom);
    const address = toSourceAddress({ connectedFrom, forwardedFor: header("x-forwarded-for") }, trustedProxies);
    return address === "" ? caller : { ...caller, address };
  };
}
