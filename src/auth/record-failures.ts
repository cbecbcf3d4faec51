import { DomainError } from "../domain/errors.ts";
import type { NewEntry, RecordEntry } from "../domain/journal/new-entry.ts";
import type { Authenticator } from "./authenticator.ts";
import { toSourceAddress } from "./source-address.ts";

/**
 * The same authenticator, which records every call without identity in the journal of the service: from which address, and why it
 * was refused. The entries are summed, because anybody may make such calls, and nobody waits for them.
 */
export function recordFailures(
  authenticate: Authenticator,
  options: { record: RecordEntry; trustedProxies: number; now: () => Date },
): Authenticator {
  const { record, trustedProxies, now } = options;
  return async (header, connectedFrom) => {
    try {
      return await authenticate(header, connectedFrom);
    } catch (error) {
      if (error instanceof DomainError && error.code === "unauthenticated") {
        const address = toSourceAddress({ connectedFrom, forwardedFor: header("x-forwarded-for") }, trustedProxies);
        const entry: NewEntry = {
          ...({ namespace: "", action: "Authenticate", outcome: error.reason, resource: { kind: "service" } } as const),
          actor: { principal: "", tokenKind: "none", address },
          ...{ path: "", dataSubject: "", time: now(), times: 1 },
        };
        record(entry, { isSummed: true, isRequired: false });
      }
      throw error;
    }
  };
}
