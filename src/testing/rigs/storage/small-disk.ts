import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A disk of its own. */
export interface SmallDisk {
  directory: string;
  /** Gives it another size. */
  resize(sizeBytes: number): Promise<void>;
  /** Takes it away, with all that is on it. */
  remove(): Promise<void>;
}

/** Makes a disk in memory that holds so many bytes; undefined where this process may not mount one. */
export async function makeSmallDisk(sizeBytes: number): Promise<SmallDisk | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-small-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", directory]);
  } catch {
    await remove();
    return undefined;
  }
  return {
    directory,
    resize: async (size) => void (await run("mount", ["-o", `remount,size=${size}`, directory])),
    remove: async () => {
      await run("umount", [directory]);
      await remove();
    },
  };
}
