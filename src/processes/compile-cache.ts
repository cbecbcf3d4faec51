import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The place of the cache and its contents. */
export interface CompileCachePlace {
  /** A folder beside the packages. Whoever may write there may change the code itself, so the files in it are trusted. */
  directory: string;
  /** Folders whose files make the cache old when they change. */
  sources: readonly string[];
  /** URLs of modules that are loaded to fill the cache, with everything that they import. */
  modules: readonly string[];
}

const toPath = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const OWN_PLACE: CompileCachePlace = {
  directory: toPath("../../node_modules/.cache/sluice"),
  sources: [toPath("../"), toPath("../../gen")],
  modules: ["./cluster-main.ts", "./serve.ts", "../composition/app.ts"].map(
    (file) => new URL(file, import.meta.url).href,
  ),
};
const FILL_TIMEOUT_MS = 30_000;

/**
 * Finds or fills Node's compile cache for the processes of the service. Resolves to its directory, for NODE_COMPILE_CACHE.
 * Resolves to undefined when there is no cache: when it cannot be written, when the environment forbids it, and when coverage
 * is measured, because the cache would distort that.
 *
 * A process that compiles everything itself also loads the code that strips types off TypeScript. That code and the
 * compiler's own remains take 25 MiB, which every worker would keep for life. So one short process compiles for all of them,
 * once for each state of the code, in about the time that the workers would have taken.
 */
export async function prepareCompileCache(
  environment: Readonly<Record<string, string | undefined>>,
  { directory, sources, modules }: CompileCachePlace = OWN_PLACE,
): Promise<string | undefined> {
  if (environment.NODE_DISABLE_COMPILE_CACHE !== undefined || environment.NODE_V8_COVERAGE !== undefined)
    return undefined;
  const stamp = `${process.version} ${process.arch} ${modules.join(" ")} ${await findNewest(sources)}\n`;
  const stampFile = join(directory, "stamp");
  if ((await readFile(stampFile, "utf8").catch(() => undefined)) === stamp) return directory;
  try {
    await mkdir(directory, { recursive: true });
    await fill(directory, modules);
    await writeFile(stampFile, stamp);
    return directory;
  } catch {
    // The service also works without the cache, and only takes more memory.
    return undefined;
  }
}

/** Loads the modules in a process that then ends: Node writes the cache when it ends. */
async function fill(directory: string, modules: readonly string[]): Promise<void> {
  const imports = modules.flatMap((url) => ["--import", url]);
  const child = spawn(process.execPath, [...imports, "--eval", ""], {
    env: { NODE_COMPILE_CACHE: directory },
    stdio: "ignore",
    timeout: FILL_TIMEOUT_MS,
  });
  const [code, signal] = await once(child, "exit");
  if (code !== 0) throw new Error(`the process that fills the compile cache ended with ${code ?? signal}`);
}

/** Time of the last change of a file in the folders, in milliseconds since 1970. */
async function findNewest(folders: readonly string[]): Promise<number> {
  const entries = await Promise.all(folders.map((one) => readdir(one, { recursive: true, withFileTypes: true })));
  const files = entries.flat().filter((entry) => entry.isFile());
  const stats = await Promise.all(files.map(({ parentPath, name }) => stat(join(parentPath, name))));
  return Math.max(...stats.map(({ mtimeMs }) => mtimeMs));
}
