/** Limits of one answer of an issuer. */
export interface FetchLimits {
  /** Most bytes of an answer, after decompression. Keys of real issuers have 1 to 20 KiB. */
  answerMaxBytes: number;
  /** Time for the whole answer, in milliseconds. */
  timeoutMs: number;
}

/**
 * Fetches a JSON document of an issuer. Redirects are not followed: the URL was pinned, and whoever can redirect could hand out
 * keys. Rejects with an `Error` whose sentence says what the issuer did wrong; it quotes nothing of the answer.
 */
export async function fetchJson(url: string, { answerMaxBytes, timeoutMs }: FetchLimits): Promise<unknown> {
  let answer: Response;
  let text: string | undefined;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    answer = await fetch(url, { redirect: "manual", headers: { accept: "application/json" }, signal });
    text = await readText(answer, answerMaxBytes);
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    const why = isLate ? `does not answer within ${timeoutMs} ms` : `cannot be reached (${findCode(error)})`;
    throw new Error(`${url} ${why}`, { cause: error });
  }
  const { status } = answer;
  if (status >= 300 && status < 400) throw new Error(`${url} redirects elsewhere, which is not followed`);
  if (status !== 200) throw new Error(`${url} answers with status ${status}`);
  if (text === undefined) throw new Error(`${url} answers with more than ${answerMaxBytes} bytes`);
  return parseJson(text, url);
}

/** The text of an answer; undefined when it is too long. The rest of it is then not read. */
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

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The error of JSON.parse quotes the text.
    throw new Error(`${url} answers with something that is not JSON`);
  }
}

/** The code that Node gives a failed connection, which is a cause of what `fetch` throws. */
function findCode(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return code;
  }
  return "no connection";
}
