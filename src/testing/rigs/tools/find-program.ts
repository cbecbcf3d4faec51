import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** Folder where `.ci/run` keeps the tools that make more tests run, for the next run and for tests run by hand. */
export const CI_CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sluice-ci");

/**
 * Path of a program that only tests need: the one that `said` names (the value of an environment variable), else the
 * first in `folders` (CI's own, of the version that is pinned), on the PATH, or where `go install` puts programs. Undefined
 * where it is nowhere; a path that was said and leads nowhere throws, since it is a mistake.
 */
export async function findProgram(
  name: string,
  { said, folders = [] }: { said?: string | undefined; folders?: readonly string[] } = {},
): Promise<string | undefined> {
  if (said !== undefined && said !== "") {
    if (await isProgram(said)) return said;
    throw new Error(`${said} was given as the program ${name}, and is none`);
  }
  for (const folder of [...folders, ...(process.env.PATH ?? "").split(delimiter), ...(await findGoFolders())]) {
    const path = join(folder, name);
    if (folder !== "" && (await isProgram(path))) return path;
  }
  return undefined;
}

async function findGoFolders(): Promise<string[]> {
  return promisify(execFile)("go", ["env", "GOPATH"]).then(
    ({ stdout }) => [join(stdout.trim(), "bin")],
    () => [],
  );
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
