import { readFile, stat } from "node:fs/promises";

/** A user of the operating system, by number. */
export interface Account {
  uid: number;
  gid: number;
}

/** Users that exist nearly everywhere and own little, best first. */
const CANDIDATES = ["postgres", "nobody"];
/** The number of `nobody` where no user database says otherwise. */
const NOBODY: Account = { uid: 65_534, gid: 65_534 };

/**
 * Chooses as whom PostgreSQL runs: undefined is ourselves; as root, which PostgreSQL refuses, it is the owner of the
 * existing data directory, or an unprivileged user that the system has. Creates no user.
 */
export async function chooseAccount(
  dataDirectory: string,
  options: { uid?: number | undefined; userDatabase?: string } = {},
): Promise<Account | undefined> {
  const { uid = process.getuid?.(), userDatabase = "/etc/passwd" } = options;
  if (uid !== 0) return undefined;
  const owner = await stat(dataDirectory).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = await readFile(userDatabase, "utf8").catch(() => "");
  for (const name of CANDIDATES) {
    const fields = users
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return NOBODY;
}
