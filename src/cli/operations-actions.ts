import { randomUUID } from "node:crypto";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Operation, OperationMetadata, OperationResponse } from "../../gen/sluice/v1/job_service_pb.ts";
import { type ConnectionOptions, withClient } from "./client-environment.ts";
import { formatBytes, formatTime } from "./human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "./terminal.ts";

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
  const { namespace } = options;
  return await withClient(terminal, options, async (client) => {
    const onProgress = (operation: Operation) => printNote(terminal, toLine(operation));
    const ended = await client.waitOperation(id, { namespace, signal: terminal.signal, onProgress });
    print(terminal, ended, options);
    return ended.result.case === "response";
  });
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
  if (json) printJson(terminal, toJson(operation));
  else printLine(terminal, toLine(operation));
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
  const iso = (time: Timestamp | undefined) => time && timestampDate(time).toISOString();
  return {
    ...{ operationId, namespace, method, principal },
    createTime: iso(times.createTime),
    beginTime: iso(times.beginTime),
    cancelTime: iso(times.cancelTime),
    endTime: iso(times.endTime),
    ...toCaseJson(progress),
  };
}

function toCaseJson({ case: kind, value }: OperationMetadata["progress"] | OperationResponse["response"]) {
  if (kind === undefined) return {};
  const fields = Object.entries(value).filter(([name]) => !name.startsWith("$"));
  return {
    [kind]: Object.fromEntries(fields.map(([name, one]) => [name, typeof one === "bigint" ? Number(one) : one])),
  };
}
