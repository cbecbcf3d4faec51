import { randomUUID } from "node:crypto";
import { isMessage } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Operation, OperationMetadata, OperationResponse } from "../../../gen/sluice/v1/job_service_pb.ts";
import type { SluiceClient } from "../../client/client.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { formatBytes, formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";

type Options = ConnectionOptions & { json: boolean };

/** `sluice operations list`: prints each operation as a line, or with `json` as an object. */
export async function runListOperations(terminal: Terminal, options: Options): Promise<void> {
  const { namespace } = options;
  await withClient(terminal, options, async (client) => {
    for await (const operation of client.allOperations({ namespace, signal: terminal.signal }))
      print(terminal, operation, options);
  });
}

/** `sluice operations get <id>` */
export async function runGetOperation(terminal: Terminal, id: string, options: Options): Promise<void> {
  const { namespace } = options;
  await withClient(terminal, options, async (client) =>
    print(terminal, await client.getOperation(id, { namespace, signal: terminal.signal }), options),
  );
}

/** `sluice operations wait <id>`: resolves to whether the operation has done its work. */
export async function runWaitOperation(terminal: Terminal, id: string, options: Options): Promise<boolean> {
  return await withClient(terminal, options, async (client) => await waitFor(terminal, client, { ...options, id }));
}

/** `sluice audit export --to-bucket`: starts the operation, and waits for its end as `sluice operations wait` does. */
export async function runExportToBucket(
  terminal: Terminal,
  options: Options & { filter: string; after: number },
): Promise<boolean> {
  const { namespace, filter, after } = options;
  return await withClient(terminal, options, async (client) => {
    const which = { filter, afterSequence: BigInt(after) };
    const { metadata } = await client.startAuditExport({ namespace, ...which, signal: terminal.signal });
    const id = metadata?.operationId ?? "";
    printNote(
      terminal,
      `the export goes on when this command is interrupted: \`sluice operations wait ${id}\` waits for it, \`sluice operations cancel ${id}\` ends it`,
    );
    return await waitFor(terminal, client, { ...options, id });
  });
}

async function waitFor(
  terminal: Terminal,
  client: SluiceClient,
  { id, ...options }: Options & { id: string },
): Promise<boolean> {
  const { namespace } = options;
  const onProgress = (operation: Operation) => printNote(terminal, toLine(operation));
  const ended = await client.waitOperation(id, { namespace, signal: terminal.signal, onProgress });
  print(terminal, ended, options);
  return ended.result.case === "response";
}

/** `sluice operations cancel <id>` */
export async function runCancelOperation(terminal: Terminal, id: string, options: Options): Promise<void> {
  const { namespace } = options;
  await withClient(terminal, options, async (client) =>
    print(terminal, await client.cancelOperation(id, { namespace, signal: terminal.signal }), options),
  );
}

/** `sluice operations purge <filter>`: prints the id of the operation alone on standard output. */
export async function runStartPurge(
  terminal: Terminal,
  filter: string,
  options: Options & { includeLive: boolean; includeSuperseded: boolean; requestId?: string },
): Promise<void> {
  const { namespace, includeLive, includeSuperseded, requestId = randomUUID() } = options;
  const which = { includeLive, includeSuperseded, requestId };
  await withClient(terminal, options, async (client) =>
    printStarted(terminal, await client.startPurge(filter, { namespace, ...which, signal: terminal.signal }), options),
  );
}

/** `sluice operations copy <path> <target>`: prints the id of the operation alone on standard output. */
export async function runStartCopy(
  terminal: Terminal,
  [path, target]: [path: string, target: string],
  options: Options & { requestId?: string },
): Promise<void> {
  const { namespace, requestId = randomUUID() } = options;
  await withClient(terminal, options, async (client) =>
    printStarted(
      terminal,
      await client.startCopy(path, target, { namespace, requestId, signal: terminal.signal }),
      options,
    ),
  );
}

function printStarted(terminal: Terminal, operation: Operation, { json }: Options): void {
  const id = operation.metadata?.operationId ?? "";
  if (json) printJson(terminal, toJson(operation));
  else printLine(terminal, id);
  printNote(terminal, `\`sluice operations wait ${id}\` waits for its end`);
}

function print(terminal: Terminal, operation: Operation, { json }: Options): void {
  if (json) {
    printJson(terminal, toJson(operation));
    return;
  }
  printLine(terminal, toLine(operation));
  const { result } = operation;
  if (result.case !== "response" || result.value.response.case !== "auditExport") return;
  const { bucket, key, url, sizeBytes, expireTime } = result.value.response.value;
  const until = expireTime === undefined ? "" : `, kept until ${formatTime(timestampDate(expireTime))}`;
  printLine(terminal, `${bucket}/${key} (${formatBytes(Number(sizeBytes))}${until})`);
  if (url !== "") printLine(terminal, url);
}

function toLine(operation: Operation): string {
  const { operationId = "", method = "", createTime, principal = "" } = operation.metadata ?? {};
  const begun = createTime === undefined ? "" : formatTime(timestampDate(createTime));
  return `${operationId}  ${method.padEnd(16)}  ${begun}  ${toState(operation).padEnd(9)}  ${toWords(operation)}  ${principal}`;
}

function toState({ result, metadata }: Operation): string {
  if (result.case === "response") return "done";
  if (result.case === "error") return result.value.reason === "CANCELLED" ? "cancelled" : "failed";
  if (metadata?.cancelTime !== undefined) return "ending";
  return metadata?.beginTime === undefined ? "waiting" : "working";
}

function toWords({ result, metadata }: Operation): string {
  if (result.case === "error" && result.value.reason !== "CANCELLED") return result.value.message;
  const progress = metadata?.progress;
  switch (progress?.case) {
    case "purge": {
      const { purged, matched, retained } = progress.value;
      return `${purged} of ${matched} files purged, ${retained} kept by a hold or a retention`;
    }
    case "copy": {
      const { copiedBytes, sizeBytes } = progress.value;
      return `${formatBytes(Number(copiedBytes))} of ${formatBytes(Number(sizeBytes))} copied`;
    }
    case "auditExport": {
      const { sequence, count } = progress.value;
      return `${count} entries up to ${sequence} exported`;
    }
    default:
      return "";
  }
}

function toJson({ name, metadata, done, result }: Operation): Record<string, unknown> {
  return {
    name,
    ...(metadata && { metadata: toMetadataJson(metadata) }),
    done,
    ...(result.case === "error" && {
      error: { code: result.value.code, reason: result.value.reason, message: result.value.message },
    }),
    ...(result.case === "response" && { response: toCaseJson(result.value.response) }),
  };
}

function toMetadataJson({ operationId, namespace, method, principal, progress, ...times }: OperationMetadata) {
  return {
    ...{ operationId, namespace, method, principal },
    createTime: iso(times.createTime),
    beginTime: iso(times.beginTime),
    cancelTime: iso(times.cancelTime),
    endTime: iso(times.endTime),
    ...toCaseJson(progress),
  };
}

function iso(time: Timestamp | undefined): string | undefined {
  return time && timestampDate(time).toISOString();
}

function toCaseJson({ case: kind, value }: OperationMetadata["progress"] | OperationResponse["response"]) {
  if (kind === undefined) return {};
  const fields = Object.entries(value).filter(([name]) => !name.startsWith("$"));
  const toPlain = (one: unknown) =>
    isMessage(one, TimestampSchema) ? iso(one) : typeof one === "bigint" ? Number(one) : one;
  return { [kind]: Object.fromEntries(fields.map(([name, one]) => [name, toPlain(one)])) };
}
