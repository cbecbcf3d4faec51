import { LogProblem } from "../../src/domain/log/checkpoint.ts";
import { TILE_WIDTH } from "../../src/domain/log/merkle-tree.ts";
import { type NoteSigner, type NoteVerifier, parseNoteVerifier } from "../../src/domain/log/signed-note.ts";
import { verifyLog } from "../../src/journal/log/verify-log.ts";
import { createJournal } from "../../src/postgres/journal/journal.ts";
import { toExportLine } from "../../src/rpc/messages/audit-message.ts";
import type { JournalTrial } from "./journal-trial.ts";
import type { KeptStore } from "./kept-store.ts";

type Line = { entry: Record<string, unknown> };

/** Tampers with exported lines and with files of the log, and counts how often the verifier names an entry. */
export async function tamperWithLog(
  store: KeptStore,
  {
    signer,
    trial,
    pool,
    size,
  }: { signer: NoteSigner; trial: JournalTrial; pool: Parameters<typeof createJournal>[0]; size: number },
): Promise<{ tried: number; found: number }> {
  const lines = await exportAll(trial, pool);
  const verifiers = [parseNoteVerifier(signer.verifierKey) as NoteVerifier];
  const isNamed = async (changedLines: readonly Line[], changed: ReadonlyMap<string, Uint8Array>, sequence: number) => {
    const read = async (path: string) => {
      const bytes = changed.get(path) ?? store.objects.get(path);
      return bytes === undefined ? undefined : { bytes, etag: "" };
    };
    const exported = { lines: toLines(changedLines), isWhole: true, after: 0 };
    return await verifyLog({ read, origin: signer.name, verifiers, exported }).then(
      () => false,
      (error) => error instanceof LogProblem && error.message.includes(`entry ${sequence} `),
    );
  };
  if (await isNamed(lines, new Map(), 0)) throw new Error("the verifier refuses the log as it is");
  let [tried, found] = [0, 0];
  const note = (isFound: boolean) => {
    tried++;
    if (isFound) found++;
  };
  for (const sequence of [1, Math.ceil(size / 2), size]) {
    const at = sequence - 1;
    const other = sequence === size ? at - 1 : at;
    const line = lines[at] as Line;
    const swapped = structuredClone([lines[other], lines[other + 1]]) as [Line, Line];
    [swapped[0].entry.sequence, swapped[1].entry.sequence] = [swapped[1].entry.sequence, swapped[0].entry.sequence];
    const edited = { entry: { ...line.entry, outcome: "PERMISSION_DENIED" } };
    const inserted = { entry: { ...line.entry, proof: undefined } };
    note(await isNamed(lines.with(at, edited), new Map(), sequence));
    note(await isNamed(lines.toSpliced(at, 1), new Map(), sequence));
    note(await isNamed(lines.toSpliced(at, 0, inserted), new Map(), sequence));
    note(await isNamed(lines.toSpliced(other, 2, swapped[1], swapped[0]), new Map(), other + 1));
    note(await isNamed(lines.slice(0, at), new Map(), sequence));
    const index = Math.floor(at / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const path = [...store.objects.keys()].find(
      (one) => one === bundlePath(index) + (width === TILE_WIDTH ? "" : `.p/${width}`),
    ) as string;
    const bundle = Buffer.from(store.objects.get(path) as Uint8Array);
    const begin = (nth: number) => 34 * (nth - index * TILE_WIDTH);
    const cut = (from: number, to: number, ...between: Uint8Array[]) =>
      new Map([[path, Buffer.concat([bundle.subarray(0, begin(from)), ...between, bundle.subarray(begin(to))])]]);
    const made = Buffer.concat([Uint8Array.of(0, 32), Buffer.alloc(32, 9)]);
    const pick = (nth: number) => bundle.subarray(begin(nth), begin(nth + 1));
    note(await isNamed(lines, cut(at, at + 1, made), sequence));
    note(await isNamed(lines, cut(at, at + 1), sequence));
    note(await isNamed(lines, cut(at, at, made), sequence));
    const first = other % TILE_WIDTH === TILE_WIDTH - 1 ? other - 1 : other;
    note(await isNamed(lines, cut(first, first + 2, pick(first + 1), pick(first)), first + 1));
    note(await isNamed(lines, new Map([[path, bundle.subarray(0, begin(at))]]), sequence));
  }
  return { tried, found };
}

function bundlePath(index: number): string {
  const digits = String(index % 1000).padStart(3, "0");
  return index < 1000
    ? `tile/entries/${digits}`
    : `tile/entries/x${String(Math.floor(index / 1000)).padStart(3, "0")}/${digits}`;
}

/** The lines of an export of all namespaces. */
async function exportAll(trial: JournalTrial, pool: Parameters<typeof createJournal>[0]): Promise<Line[]> {
  const journal = createJournal(pool);
  const lines: Line[] = [];
  const through = await journal.lastSequence();
  const namespaces = await trial.query<{ namespace: string }>("SELECT DISTINCT namespace FROM journal_number");
  for (const { namespace } of namespaces) {
    for (let after = 0; after < through; ) {
      const page = await journal.readMatching(namespace, {
        filter: undefined,
        scope: [""],
        after,
        through,
        limit: 5000,
      });
      for (const entry of page.entries) lines.push(JSON.parse(toExportLine({ kind: "entry", entry })));
      after = page.through;
    }
  }
  return lines.sort((one, other) => Number(one.entry.sequence) - Number(other.entry.sequence));
}

async function* toLines(lines: readonly Line[]): AsyncGenerator<Record<string, unknown>> {
  yield* lines;
}
