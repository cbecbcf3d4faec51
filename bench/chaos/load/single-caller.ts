import { crc32 } from "node:zlib";
import type { Caller, Outcome, Told } from "./caller.ts";

/** How long a caller waits for a whole answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 20_000;

/** Statuses of answers that no repetition changes: the service decided, and did nothing. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404, 409, 412]);

/** Single requests over REST to these addresses in turn, none of which is repeated. The caller sends the last position that it has seen. */
export function createSingleCaller(urls: readonly string[], token: string): Caller {
  let calls = 0;
  let position: string | undefined;
  const ask = async <T>(
    route: string,
    init: RequestInit,
    take: (answer: Response) => Promise<T>,
  ): Promise<Outcome<T>> => {
    const url = `${urls[calls++ % urls.length]}/v1/namespaces/default/files${route}`;
    const seen = position !== undefined && { "sluice-position": position };
    const headers = { authorization: `Bearer ${token}`, ...seen, ...init.headers };
    try {
      const answer = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
      if (answer.ok) {
        const value = await take(answer);
        position = later(position, answer.headers.get("sluice-position"));
        return { kind: "done", value };
      }
      const { reason = `HTTP_${answer.status}` } = (await answer.json()) as { reason?: string };
      return { kind: REFUSALS.has(answer.status) ? "refused" : "failed", reason };
    } catch (error) {
      // What fetch makes of a connection that was cut, and of a time that is over.
      const { name, cause } = error as Error & { cause?: { code?: string } };
      return { kind: "failed", reason: cause?.code ?? name };
    }
  };
  const askOfFile = (path: string, init: RequestInit = {}, method = "") => ask(`/${path}${method}`, init, toTold);
  const post = (body: object = {}): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
    body: JSON.stringify(body),
  });
  return {
    retries: false,
    upload(path, bytes, { ifGenerationMatch } = {}) {
      if (ifGenerationMatch !== undefined && ifGenerationMatch !== 0)
        throw new Error(`PUT takes no condition on generation ${ifGenerationMatch}, only that there is none: 0`);
      const headers = {
        ...(ifGenerationMatch === 0 && { "if-none-match": "*" }),
        "idempotency-key": crypto.randomUUID(),
      };
      return askOfFile(path, { method: "PUT", headers, body: Uint8Array.from(bytes) });
    },
    get: (path) => askOfFile(path),
    read: (path) =>
      ask(`/${path}?alt=media&redirect=false`, {}, async (answer) => ({
        crc32: crc32(Buffer.from(await answer.arrayBuffer())),
      })),
    copy: (path, target) => askOfFile(path, post({ targetPath: target }), ":copy"),
    move: (path, target) => askOfFile(path, post({ targetPath: target }), ":move"),
    remove: (path) => askOfFile(path, { method: "DELETE", headers: { "idempotency-key": crypto.randomUUID() } }),
    undelete: (path) => askOfFile(path, post(), ":undelete"),
    list: (prefix) =>
      ask(`?prefix=${encodeURIComponent(prefix)}&pageSize=1000`, {}, async (answer) => {
        const { files } = (await answer.json()) as { files: { path: string }[] };
        return files.map(({ path }) => path);
      }),
    close: () => {},
  };
}

async function toTold(answer: Response): Promise<Told> {
  const body = (await answer.json()) as { file?: RestFile } & RestFile;
  const { path = "", crc32 = 0, generation } = body.file ?? body;
  return { path, crc32, generation: Number(generation) };
}

interface RestFile {
  path?: string;
  crc32?: number;
  generation?: string;
}

function later(seen: string | undefined, told: string | null): string | undefined {
  return told !== null && BigInt(told) > BigInt(seen ?? 0) ? told : seen;
}
