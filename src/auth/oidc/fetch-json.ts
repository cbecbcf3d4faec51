import { type FetchLimits, fetchText } from "../fetch-text.ts";

/**
 * Fetches a JSON document of an issuer, without following redirects: whoever can redirect could hand out keys. Rejects with an
 * `Error` whose sentence says what the issuer did wrong; it quotes nothing of the answer.
 */
export async function fetchJson(url: string, limits: FetchLimits): Promise<unknown> {
  const { status, text } = await fetchText(url, { ...limits, name: url });
  if (status !== 200) throw new Error(`${url} answers with status ${status}`);
  if (text === undefined) throw new Error(`${url} answers with more than ${limits.answerMaxBytes} bytes`);
  try {
    return JSON.parse(text);
  } catch {
    // The error of JSON.parse quotes the text.
    throw new Error(`${url} answers with something that is not JSON`);
  }
}
