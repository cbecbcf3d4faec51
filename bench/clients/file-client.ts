// The TypeScript client, as the command line uses it: it reads a file, and sends it over several connections when it is large.
import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { createSluiceClient } from "../../src/client/client.ts";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";

const { url, ca, extra = {} } = parseClientArguments();
const { token = "", directory = "" } = extra;
const payload = createPayload();
const client = createSluiceClient({ url, token, ...(url.startsWith("https:") && ca !== undefined && { tls: { ca } }) });
const files = new Map<number, Promise<string>>();

serveUploads(async (sizeBytes) => {
  await client.upload(await fileOf(sizeBytes), `bench/${randomUUID()}`);
});

/** A file of that size. It is written before the time counts when an upload of the same size has warmed up. */
function fileOf(sizeBytes: number): Promise<string> {
  const known = files.get(sizeBytes) ?? writeFile(sizeBytes);
  files.set(sizeBytes, known);
  return known;
}

async function writeFile(sizeBytes: number): Promise<string> {
  const path = `${directory}/content-${sizeBytes}`;
  const file = await open(path, "w");
  for (const chunk of sliceContent(payload, sizeBytes, 2 ** 20)) await file.write(chunk);
  await file.close();
  return path;
}
