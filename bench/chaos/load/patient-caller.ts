import { Writable } from "node:stream";
import { crc32 } from "node:zlib";
import type { File } from "../../../gen/sluice/v1/file_pb.ts";
import { createSluiceClient } from "../../../src/client/client.ts";
import { SluiceError } from "../../../src/client/sluice-error.ts";
import type { Caller, Outcome, Told } from "./caller.ts";

/** Codes of answers that no repetition changes: the service decided, and did nothing. */
const REFUSALS: ReadonlySet<string> = new Set(
  ["not_found", "already_exists", "failed_precondition", "invalid_argument", "permission_denied"].concat(
    "unauthenticated",
  ),
);

/** The TypeScript client with all its defaults, over these addresses. */
export function createPatientCaller(urls: readonly string[], token: string): Caller {
  const client = createSluiceClient({ urls, token });
  return {
    retries: true,
    upload: (path, bytes, options = {}) =>
      attempt(async () => {
        let failures = 0;
        const onProgress = (progress: { failures: number }) => {
          failures = Math.max(failures, progress.failures);
        };
        const { file } = await client.upload(bytes, path, { ...options, onProgress });
        return { ...toTold(file as File), ...(failures > 0 && { generation: undefined }) };
      }),
    get: (path) => attempt(async () => toTold(await client.getFile(path))),
    read: (path) =>
      attempt(async () => {
        let sum = 0;
        const sink = new Writable({
          write(bytes: Buffer, _encoding, done) {
            sum = crc32(bytes, sum);
            done();
          },
        });
        await client.download(path, sink);
        return { crc32: sum };
      }),
    copy: (path, target) => attempt(async () => toRepeatable(await client.copyFile(path, target))),
    move: (path, target) => attempt(async () => toRepeatable(await client.moveFile(path, target))),
    remove: (path) => attempt(async () => toRepeatable(await client.deleteFile(path))),
    undelete: (path) => attempt(async () => toRepeatable(await client.undeleteFile(path))),
    list: (prefix) =>
      attempt(async () => (await client.listFiles({ prefix, pageSize: 1000 })).files.map(({ path }) => path)),
    close: () => client.close(),
  };
}

function toTold({ path, crc32 = 0, generation }: File): Told {
  return { path, crc32, generation: Number(generation) };
}

/** The client may have repeated the call without telling. */
function toRepeatable(file: File): Told {
  return { ...toTold(file), generation: undefined };
}

async function attempt<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "done", value: await call() };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { code, reason } = error;
    return { kind: REFUSALS.has(code) ? "refused" : "failed", reason };
  }
}
