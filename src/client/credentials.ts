/**
 * Gives the token of the next call. `refused` is a token that the service has just refused: a source that can get another one does
 * so then. Called for every call and stream, so it should remember its token. Its errors end the call.
 */
export type TokenSource = (options: { refused: string | undefined }) => Promise<string>;

/** The tokens of a client, and which of them the service has refused. */
export class Credentials {
  readonly #source: TokenSource;
  /** The token that was sent with the call that failed so. Errors hold no tokens, because they are printed. */
  readonly #refused = new WeakMap<object, string>();

  constructor(token: string | TokenSource) {
    this.#source = typeof token === "string" ? async () => token : token;
  }

  /** The token to send now. */
  async current(): Promise<string> {
    return await this.#source({ refused: undefined });
  }

  /** Notes that a call with this token ended in this error. */
  note(error: unknown, token: string): void {
    if (typeof error === "object" && error !== null) this.#refused.set(error, token);
  }

  /** Whether the service refused the token of a call, and there is another one by now: the call may be made again. */
  async renewAfter(error: unknown): Promise<boolean> {
    if ((error as { code?: unknown }).code !== "unauthenticated") return false;
    const refused = this.#refused.get(error as object) ?? this.#refused.get((error as Error).cause as object);
    return refused !== undefined && (await this.#source({ refused })) !== refused;
  }
}
