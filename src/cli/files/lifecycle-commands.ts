import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { File } from "../../../gen/sluice/v1/file_pb.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { formatBytes, formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";
import { toFileJson } from "./file-json.ts";

type Options = ConnectionOptions & { json: boolean; generation?: number };

/** `sluice mv <path> <target>`: moves a file. Unless `clobber` is false, a live file there becomes an older generation. */
export async function runMove(
  terminal: Terminal,
  [path, target]: [path: string, target: string],
  options: Options & { clobber: boolean },
): Promise<void> {
  const { namespace, clobber } = options;
  await withClient(terminal, options, async (client) => {
    const condition = clobber ? {} : { ifTargetGenerationMatch: 0n };
    const file = await client.moveFile(path, target, { namespace, signal: terminal.signal, ...condition });
    print(terminal, options, { file, sentence: `moved ${path} to ${target}, generation ${file.generation}` });
  });
}

/** `sluice cp <path> <target>`: copies a file within storage; it treats the target as `mv` does. */
export async function runCopy(
  terminal: Terminal,
  [path, target]: [path: string, target: string],
  options: Options & { clobber: boolean },
): Promise<void> {
  const { namespace, clobber } = options;
  await withClient(terminal, options, async (client) => {
    const conditions = { ...toGeneration(options), ...(!clobber && { ifTargetGenerationMatch: 0n }) };
    const file = await client.copyFile(path, target, { namespace, signal: terminal.signal, ...conditions });
    const size = formatBytes(Number(file.sizeBytes));
    print(terminal, options, { file, sentence: `copied ${path} to ${target}, generation ${file.generation}, ${size}` });
  });
}

/** `sluice restore <path>`: brings a deleted file back, or makes any older generation the current one again. */
export async function runRestore(terminal: Terminal, path: string, options: Options): Promise<void> {
  const { namespace, generation } = options;
  await withClient(terminal, options, async (client) => {
    const call = { namespace, signal: terminal.signal };
    const file =
      generation === undefined
        ? await client.undeleteFile(path, call)
        : await client.restoreGeneration(path, BigInt(generation), call);
    const size = formatBytes(Number(file.sizeBytes));
    print(terminal, options, { file, sentence: `restored ${path}, generation ${file.generation}, ${size}` });
  });
}

/** `sluice purge <path>`: removes the bytes of a deleted file, or of an older generation, for good. */
export async function runPurge(terminal: Terminal, path: string, options: Options): Promise<void> {
  const { namespace } = options;
  await withClient(terminal, options, async (client) => {
    const file = await client.purgeFile(path, { namespace, signal: terminal.signal, ...toGeneration(options) });
    print(terminal, options, { file, sentence: `purged ${path}, generation ${file.generation}: its bytes are gone` });
  });
}

/** `sluice hold <path>`: keeps a file from being deleted and purged, until the hold is lifted or until a time. */
export async function runHold(
  terminal: Terminal,
  path: string,
  options: Options & { lift: boolean; until?: string },
): Promise<void> {
  const { namespace, lift, until } = options;
  if (lift && until !== undefined) throw new UsageError("a retention ends by itself; --lift is of the hold alone");
  const values = until === undefined ? { legalHold: !lift } : { retainUntilTime: timestampFromDate(parseTime(until)) };
  const updateMask = [until === undefined ? "legal_hold" : "retain_until_time"];
  await withClient(terminal, options, async (client) => {
    const call = { namespace, updateMask, signal: terminal.signal };
    const file = await client.updateFile(path, { ...values, ...toGeneration(options) }, call);
    print(terminal, options, { file, sentence: `${path}, generation ${file.generation}, is ${toKeepers(file)}` });
  });
}

function toKeepers({ legalHold, legalHoldInStorage, retainUntilTime }: File): string {
  const until = retainUntilTime && `kept until ${formatTime(timestampDate(retainUntilTime))}`;
  const keepers = [
    ...(legalHold ? [`under a legal hold ${legalHoldInStorage ? "in storage too" : "of the record alone"}`] : []),
    ...(until === undefined ? [] : [until]),
  ];
  return keepers.length === 0 ? "kept by nothing" : keepers.join(", and ");
}

/** Parses a time in ISO 8601: a day, or a time with or without its zone. */
function parseTime(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(`"${text}" is no time; write 2030-12-31, or 2030-12-31T23:59:59Z`);
}

function toGeneration({ generation }: Options): { generation?: bigint } {
  return generation === undefined ? {} : { generation: BigInt(generation) };
}

function print(terminal: Terminal, { json }: Options, { file, sentence }: { file: File; sentence: string }): void {
  if (json) printJson(terminal, toFileJson(file));
  else printLine(terminal, sentence);
}
