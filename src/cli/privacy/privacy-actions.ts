import { randomUUID } from "node:crypto";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Erasure } from "../../../gen/sluice/v1/privacy_service_pb.ts";
import type { Upload } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { toEntryJson } from "../audit/audit-actions.ts";
import { toFileJson } from "../files/file-json.ts";
import { toLinkJson } from "../files/link-actions.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";

/** `sluice privacy export <data-subject>`: prints everything as JSON lines, with a URL for the bytes of each file. */
export async function runExport(terminal: Terminal, dataSubject: string, options: ConnectionOptions): Promise<void> {
  const { namespace } = options;
  await withClient(terminal, options, async (client) => {
    const counts = { files: 0, uploads: 0, links: 0, entries: 0 };
    for await (const page of client.exportDataSubject(dataSubject, { namespace, signal: terminal.signal })) {
      for (const { file, downloadUrl, expireTime } of page.files) {
        const until = expireTime && { expireTime: timestampDate(expireTime).toISOString() };
        const url = downloadUrl === "" ? {} : { downloadUrl, ...until };
        if (file !== undefined) printJson(terminal, { file: { ...toFileJson(file), ...url } });
      }
      for (const upload of page.uploads) printJson(terminal, { upload: toUploadJson(upload) });
      for (const link of page.links) printJson(terminal, { link: toLinkJson(link) });
      for (const entry of page.entries) printJson(terminal, { entry: toEntryJson(entry) });
      counts.files += page.files.length;
      counts.uploads += page.uploads.length;
      counts.links += page.links.length;
      counts.entries += page.entries.length;
    }
    printNote(
      terminal,
      Object.entries(counts)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(", "),
    );
  });
}

/** `sluice privacy erase <data-subject>`: erases, and prints what has become of it; `--request-id` shows an erasure again. */
export async function runErase(
  terminal: Terminal,
  dataSubject: string,
  options: ConnectionOptions & { json: boolean; requestId?: string },
): Promise<void> {
  const { namespace, json, requestId = randomUUID() } = options;
  await withClient(terminal, options, async (client) => {
    const erasure = await client.eraseDataSubject(dataSubject, { namespace, requestId, signal: terminal.signal });
    if (json) return printJson(terminal, { requestId, ...toErasureJson(erasure) });
    const { filesErased: files, linksErased: links, uploadsErased: uploads, entriesRedacted: entries } = erasure;
    const what = `${files} files, ${links} links, ${uploads} uploads; ${entries} entries of the journal redacted`;
    printLine(terminal, `${erasure.endTime === undefined ? "erased until now" : "erased"}: ${what}`);
    if (erasure.endTime === undefined) printNote(terminal, `it goes on; --request-id ${requestId} shows how far it is`);
    if (erasure.filesHeld > 0n) {
      const ids = erasure.heldFileIds.join(", ");
      printNote(terminal, `${erasure.filesHeld} are held and were left: ${ids}; erase again once they are released`);
    }
  });
}

function toErasureJson({ erasureId, namespace, createTime, endTime, heldFileIds, ...counts }: Erasure) {
  return {
    erasureId,
    namespace,
    ...(createTime && { createTime: timestampDate(createTime).toISOString() }),
    ...(endTime && { endTime: timestampDate(endTime).toISOString() }),
    filesErased: Number(counts.filesErased),
    uploadsErased: Number(counts.uploadsErased),
    linksErased: Number(counts.linksErased),
    entriesRedacted: Number(counts.entriesRedacted),
    filesHeld: Number(counts.filesHeld),
    heldFileIds,
  };
}

function toUploadJson({ uploadId, path, createTime, sizeBytes }: Upload): Record<string, unknown> {
  return {
    uploadId,
    path,
    ...(createTime && { createTime: timestampDate(createTime).toISOString() }),
    ...(sizeBytes !== undefined && { sizeBytes: Number(sizeBytes) }),
  };
}
