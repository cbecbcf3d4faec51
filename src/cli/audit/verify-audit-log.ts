import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LogReader } from "../../domain/log/log-store.ts";
import { type NoteVerifier, parseNoteVerifier } from "../../domain/log/signed-note.ts";
import { verifyLog } from "../../journal/log/verify-log.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";

/** What `sluice audit verify` was told. */
export interface VerifyLogOptions {
  key: string;
  log: string;
  origin?: string;
  export?: string;
  all: boolean;
  after: number;
  checkpoint?: string;
  json: boolean;
}

/** Longest wait for one file of a log over HTTP, in milliseconds. */
const READ_TIMEOUT_MS = 30_000;
/** What a bucket answers for a file that is not there: 403 where nobody may list it. */
const NOT_THERE: ReadonlySet<number> = new Set([403, 404]);

/** `sluice audit verify`: prints what was verified. Rejects with LogProblem, which names the first entry that is not as it was. */
export async function runVerifyAuditLog(terminal: Terminal, options: VerifyLogOptions): Promise<void> {
  const verifier = await readKey(options.key);
  const { read, close } = await openLog(terminal, options.log);
  try {
    const { checkpoint, counts } = await verifyLog({
      read,
      origin: options.origin ?? verifier.name,
      verifiers: [verifier],
      kept: options.checkpoint === undefined ? undefined : await readFile(options.checkpoint),
      exported:
        options.export === undefined
          ? undefined
          : { lines: readLines(terminal, options.export), isWhole: options.all, after: options.after },
    });
    const { origin, size, root } = checkpoint;
    const rootHash = Buffer.from(root).toString("base64");
    if (options.json) return printJson(terminal, { origin, size, rootHash, ...counts });
    printLine(terminal, `${origin}: ${size} entries are as the checkpoint says, with the root ${rootHash}`);
    if (options.export === undefined) return;
    const { proven, erased, newer } = counts;
    printLine(terminal, `${proven} exported entries are as the log says; of ${erased} the personal part is erased`);
    if (newer > 0) printLine(terminal, `${newer} exported entries are newer than the checkpoint`);
  } finally {
    close();
  }
}

async function readKey(text: string): Promise<NoteVerifier> {
  const isKey = text.includes("+");
  const content = isKey ? text : await readFile(text, "utf8").catch(() => "");
  const verifier = parseNoteVerifier(content);
  if (verifier !== undefined) return verifier;
  throw new UsageError(
    `--key is ${isKey ? "no public key" : `"${text}", which is no file with a public key`}; it is what sluice audit keygen prints for those who verify`,
  );
}

async function openLog({ env, signal }: Terminal, place: string): Promise<{ read: LogReader; close: () => void }> {
  if (/^https?:/.test(place)) return { read: createUrlReader(place, signal), close: () => {} };
  if (!place.startsWith("s3:")) return { read: createFolderReader(place), close: () => {} };
  const [bucket = "", ...folders] = place
    .slice("s3://".length)
    .split("/")
    .filter((name) => name !== "");
  if (bucket === "") throw new UsageError(`"${place}" names no bucket; write s3://bucket/folder`);
  const { openLogBucket } = await import("../../s3/log-bucket.ts");
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  return openLogBucket({
    bucket,
    prefix: folders.map((folder) => `${folder}/`).join(""),
    region: env.AWS_REGION ?? "us-east-1",
    endpoint,
  });
}

function createFolderReader(folder: string): LogReader {
  return async (path) => {
    try {
      return { bytes: await readFile(join(folder, path)), etag: "" };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  };
}

function createUrlReader(url: string, signal: AbortSignal): LogReader {
  return async (path) => {
    const signals = AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]);
    const answer = await fetch(`${url.replace(/(?<!\/)\/+$/, "")}/${path}`, { signal: signals });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (answer.ok) return { bytes, etag: "" };
    if (NOT_THERE.has(answer.status)) return undefined;
    throw new Error(`${url} answers ${answer.status} for ${path}; try again, or look at what serves it`);
  };
}

async function* readLines({ stdin }: Terminal, file: string): AsyncGenerator<Record<string, unknown>> {
  const input = file === "-" ? stdin : createReadStream(file);
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line === "") continue;
    try {
      yield JSON.parse(line);
    } catch {
      throw new Error(`line ${number} of the export is no JSON; export it anew by sluice audit export`);
    }
  }
}
