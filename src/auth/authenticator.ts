import type { Caller } from "../domain/caller.ts";

/** A header of the request by its lower-case name; undefined or null when it was not sent. */
export type HeaderGetter = (name: string) => string | undefined | null;

/**
 * Finds out who calls, from the headers of a request and before its body is read; `connectedFrom` is the address at the other
 * end of the connection, for the log. Rejects with
 * `unauthenticated / TOKEN_MISSING` or `unauthenticated / TOKEN_INVALID`; no message quotes what was sent.
 */
export type Authenticator = (header: HeaderGetter, connectedFrom?: string) => Promise<Caller>;
