import { LogProblem } from "../../domain/log/checkpoint.ts";
import { hashPersonal, toLogEntry } from "../../domain/log/log-leaves.ts";
import { isSame } from "../../domain/log/merkle-tree.ts";

/** A line of an export: an AuditEntry in the JSON form of the API, with its proof. */
export type ExportedEntry = Readonly<Record<string, unknown>>;

/** What a line of an export says of itself. */
export interface ReadEntry {
  /** The number that the line shows. */
  sequence: number;
  /** The namespace, the number and that of the entry before it in the namespace, as the log says them. */
  proven: { namespace: string; sequence: number; previous: number | undefined };
  /** What has to stand in the log. */
  entry: Uint8Array;
  isErased: boolean;
}

/** The fields of an AuditEntry that stand in its public bytes, with what JSON leaves out when it is so. */
const PUBLIC_FIELDS: Readonly<Record<string, string>> = {
  ...{ entryId: "", sequence: "0", time: "", firstTime: "", namespace: "", action: "", outcome: "" },
  ...{ resourceKind: "", resourceId: "" },
  ...{ generation: "0", tokenKind: "", tokenId: "", requestId: "", traceId: "", times: "0" },
};
const PERSONAL_FIELDS: Readonly<Record<string, unknown>> = {
  ...{ actor: "", session: "", address: "", path: "", sourcePath: "", dataSubject: "" },
  ...{ before: null, after: null },
};
const TIME_FIELDS: ReadonlySet<string> = new Set(["time", "firstTime"]);

/** The number that a line of an export shows; undefined for lines that are no entries. */
export function toSequence(line: ExportedEntry): number | undefined {
  const sequence = Number(line.sequence);
  return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : undefined;
}

/**
 * Reads a line of an export. Throws LogProblem, which names the entry, when it has no proof, and when it shows anything else than its
 * proof says.
 */
export function readExported(line: ExportedEntry): ReadEntry {
  const sequence = toSequence(line) ?? 0;
  const proof = line.proof as Readonly<Record<string, unknown>> | undefined;
  if (proof === undefined)
    throw new LogProblem(`entry ${sequence} was added: it has no proof, though the log has an entry of this number`);
  const bytesOf = (name: string) => Buffer.from(String(proof[name] ?? ""), "base64");
  const parts = { salt: bytesOf("salt"), publicBytes: bytesOf("publicBytes"), personalHash: bytesOf("personalHash") };
  const shown = parseJson(parts.publicBytes, sequence);
  const personal = { salt: bytesOf("personalSalt"), bytes: bytesOf("personalBytes") };
  const hasPersonal = personal.bytes.length > 0;
  if (hasPersonal && !isSame(hashPersonal(personal), parts.personalHash))
    throw new LogProblem(`entry ${sequence} was changed: its personal part is not that of the log`);
  compare(line, { fields: PUBLIC_FIELDS, proven: shown, sequence });
  if (hasPersonal) compare(line, { fields: PERSONAL_FIELDS, proven: parseJson(personal.bytes, sequence), sequence });
  else assertErased(line, sequence);
  const previous = Number(shown.previousSequence);
  return {
    sequence,
    proven: {
      namespace: String(shown.namespace ?? ""),
      sequence: Number(shown.sequence),
      previous: previous > 0 ? previous : undefined,
    },
    entry: toLogEntry(parts),
    isErased: !hasPersonal,
  };
}

function compare(
  line: ExportedEntry,
  options: {
    fields: Readonly<Record<string, unknown>>;
    proven: Readonly<Record<string, unknown>>;
    sequence: number;
  },
): void {
  for (const [name, absent] of Object.entries(options.fields)) {
    const [ours, theirs] = [line[name] ?? absent, options.proven[name] ?? absent];
    // The number tells whether an entry was moved, and whoever verifies looks at that first.
    if (name === "sequence" || isEqual(name, ours, theirs)) continue;
    throw new LogProblem(
      `entry ${options.sequence} was changed: its ${name} is ${JSON.stringify(ours)}, and the log says ${JSON.stringify(theirs)}`,
    );
  }
}

/** What is erased is shown nowhere: what is shown has to be proven. */
function assertErased(line: ExportedEntry, sequence: number): void {
  const name = Object.keys(PERSONAL_FIELDS).find((one) => Boolean(line[one]));
  if (name === undefined) return;
  throw new LogProblem(`entry ${sequence} was changed: it shows ${name}, and its proof has no personal part`);
}

/** Times are shown to the millisecond, and kept to the microsecond. */
function isEqual(name: string, ours: unknown, theirs: unknown): boolean {
  if (toText(ours) === toText(theirs)) return true;
  return TIME_FIELDS.has(name) && Math.abs(Date.parse(String(ours)) - Date.parse(String(theirs))) <= 1;
}

/** JSON with the fields of every object in one order. */
function toText(value: unknown): string {
  return JSON.stringify(value, (_name, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

function parseJson(bytes: Uint8Array, sequence: number): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as Readonly<Record<string, unknown>>;
  } catch {
    throw new LogProblem(`entry ${sequence} was changed: its proof is no JSON`);
  }
}
