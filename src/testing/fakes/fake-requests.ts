import type { CommandIdentity } from "../../domain/command-identity.ts";
import { requestIdReused } from "../../domain/repository-refusals.ts";

/** What commands with a request id made or changed, as the database's `request` table remembers it. */
export class FakeRequests {
  readonly #entries = new Map<string, { content: string; subjectId: string }>();

  /** The subject of the earlier command with this identity; throws REQUEST_ID_REUSED for other content. */
  find(identity: CommandIdentity): string | undefined {
    const entry = this.#entries.get(toKey(identity));
    if (entry !== undefined && entry.content !== toHex(identity)) {
      throw requestIdReused(identity.requestId, identity.method);
    }
    return entry?.subjectId;
  }

  add(identity: CommandIdentity, subjectId: string): void {
    this.#entries.set(toKey(identity), { content: toHex(identity), subjectId });
  }
}

function toKey({ namespace, principal, method, requestId }: CommandIdentity): string {
  return JSON.stringify([namespace, principal, method, requestId]);
}

function toHex({ contentSha256 }: CommandIdentity): string {
  return Buffer.from(contentSha256).toString("hex");
}
