import type { Caller } from "../domain/caller.ts";
import { currentCall } from "../telemetry/observed-call.ts";
import type { Authenticator } from "./authenticator.ts";
import { toSourceAddress } from "./source-address.ts";

/**
 * Adds to every caller where the call comes from: the address behind as many trusted proxies as the environment says, and the trace.
 * The observed call learns who calls.
 */
export function addOrigin(authenticate: Authenticator, { trustedProxies }: { trustedProxies: number }): Authenticator {
  return async (header, connectedFrom) => {
    const call = currentCall();
    const known = await authenticate(header, connectedFrom);
    const address = toSourceAddress({ connectedFrom, forwardedFor: header("x-forwarded-for") }, trustedProxies);
    const caller: Caller = {
      ...known,
      ...(address !== "" && { address }),
      ...(call !== undefined && { traceId: call.traceId }),
      ...(call?.isRecorded === true && call.spanId !== undefined && { spanId: call.spanId }),
    };
    if (call !== undefined) call.caller = caller;
    return caller;
  };
}
