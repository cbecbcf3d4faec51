/** Limits of one answer of another service. */
export interface FetchLimits {
  /** Most bytes of an answer, after decompression. */
  answerMaxBytes: number;
  /** Time for the whole answer, in milliseconds. */
  timeoutMs: number;
}

/** What is fetched, and within which limits. */
export interface FetchOptions extends FetchLimits {
  /** What errors call the other service: never anything secret, as a signed URL would be. */
  name: string;
  headers?: Readonly<Record<string, string>>;
}

/** An answer. */
export interface FetchedText {
  readonly status: number;
  /** Undefined when the answer is longer than its limit. The rest of it was then not read. */
  readonly text: string | undefined;
}

/**
 * Fetches a JSON document as text. Redirects are not followed: the URL was chosen by the service, and whoever can redirect could
 * answer in its place. Rejects with an `Error` whose sentence says what the other service did wrong; it quotes nothing of the answer.
 */
export async function fetchText(url: string, options: FetchOptions): Promise<FetchedText> {
  const { name, headers, answerMaxBytes, timeoutMs } = options;
  let answer: Response;
  let text: string | undefined;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    answer = await fetch(url, { redirect: "manual", headers: { accept: "application/json", ...headers }, signal });
    text = await readText(answer, answerMaxBytes);
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    const why = isLate ? `does not answer within ${timeoutMs} ms` : `cannot be reached (${findCode(error)})`;
    throw new Error(`${name} ${why}`, { cause: error });
  }
  const { status } = answer;
  if (status >= 300 && status < 400) throw new Error(`${name} redirects elsewhere, which is not followed`);
  return { status, text };
}

/** The text of an answer; undefined when it is too long. */
async function readText(answer: Response, maxBytes: number): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early cancels the answer, and so frees its connection.
  for await (const piece of answer.body ?? []) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** The code that Node gives a failed connection, which is a cause of what `fetch` throws. */
function findCode(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return code;
  }
  return "no connection";
}
