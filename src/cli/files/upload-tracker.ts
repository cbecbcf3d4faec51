import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Terminal } from "../terminal/terminal.ts";

/** No upload outlives this, in milliseconds: its sliding expiry is capped at 6 days. Older records are removed. */
const RECORD_AGE_MAX_MS = 7 * 24 * 3600 * 1000;

/** The facts that identify an upload: a changed file is another upload. */
export interface TrackerKey {
  /** Addresses of the service, in any order. */
  urls: readonly string[];
  namespace: string;
  path: string;
  /** The absolute path of the file. */
  file: string;
  sizeBytes: number;
  mtimeMs: number;
}

/** Remembers across processes which upload sends which file. */
export interface UploadTracker {
  /** Id of the upload that was begun for this key; undefined when there is none. */
  find(): Promise<string | undefined>;
  remember(uploadId: string): Promise<void>;
  forget(): Promise<void>;
}

/**
 * Creates a tracker that keeps each record as a file in `$XDG_STATE_HOME/sluice/uploads` (or `~/.local/state/…`), named by a
 * hash of the key. Losing a record only costs sending again, so a record that cannot be read or written is no error: the
 * upload continues without it.
 */
export function createUploadTracker(env: Terminal["env"], key: TrackerKey): UploadTracker {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state");
  const directory = join(state, "sluice", "uploads");
  const { urls, namespace, path, file, sizeBytes, mtimeMs } = key;
  const identity = JSON.stringify([urls.toSorted(), namespace, path, file, sizeBytes, mtimeMs]);
  const record = join(directory, `${createHash("sha256").update(identity).digest("hex").slice(0, 32)}.json`);
  return {
    async find() {
      try {
        const { uploadId } = JSON.parse(await readFile(record, "utf8")) as { uploadId?: unknown };
        return typeof uploadId === "string" ? uploadId : undefined;
      } catch {
        return undefined;
      }
    },
    async remember(uploadId) {
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await removeOld(directory);
        const fresh = `${record}.${process.pid}`;
        await writeFile(fresh, `${JSON.stringify({ uploadId, ...key })}\n`, { mode: 0o600 });
        await rename(fresh, record);
      } catch {
        // Without a record, an upload that was cut begins anew: that is slower, but never wrong.
      }
    },
    forget: () => rm(record, { force: true }).catch(() => {}),
  };
}

async function removeOld(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > RECORD_AGE_MAX_MS) await rm(path, { force: true });
  }
}
