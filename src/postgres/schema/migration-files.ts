import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";

/** One file of the migrations folder, named as Flyway names them. */
export interface MigrationFile {
  /** Dotted numbers, for instance "1" or "2.1"; undefined for a repeatable one (R__…). */
  version: string | undefined;
  /** The text of the name, with spaces instead of underscores. */
  description: string;
  script: string;
  sql: string;
  checksum: number;
  /** False when `<script>.conf` says `executeInTransaction=false`; the file then holds one statement. */
  inTransaction: boolean;
}

const NAME = /^(?:V(?<version>\d+(?:[._]\d+)*)|R)__(?<description>.+)\.sql$/;

/** Reads a migrations folder: versioned files by version, then repeatable ones by description. */
export async function readMigrationFiles(directory: string): Promise<MigrationFile[]> {
  const names = await readdir(directory);
  const files: MigrationFile[] = [];
  for (const script of names.filter((name) => name.endsWith(".sql"))) {
    const groups = NAME.exec(script)?.groups;
    if (groups?.description === undefined) {
      throw new Error(`${script} is not named like a migration; use V2__what_it_does.sql or R__what_it_does.sql`);
    }
    const sql = await readFile(join(directory, script), "utf8");
    if (sql.includes("${")) {
      throw new Error(`${script} holds "\${", which Flyway would read as a placeholder; write it in another way`);
    }
    const settings = names.includes(`${script}.conf`) ? await readFile(join(directory, `${script}.conf`), "utf8") : "";
    files.push({
      version: groups.version?.replaceAll("_", "."),
      description: groups.description.replaceAll("_", " "),
      script,
      sql,
      checksum: toFlywayChecksum(sql),
      inTransaction: !/^[ \t]*executeInTransaction[ \t]*=[ \t]*false[ \t]*$/m.test(settings),
    });
  }
  return files.sort(compareFiles);
}

/**
 * Flyway's checksum: the CRC32 over the UTF-8 bytes of each line without its line end, as a signed 32-bit number. A byte
 * order mark does not count, and neither does the kind of line end.
 */
export function toFlywayChecksum(sql: string): number {
  const lines = sql.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  return lines.reduce((checksum, line) => crc32(line, checksum), 0) | 0;
}

/** Orders versions by their numbers: 1.10 is after 1.9, and 1.0 is 1. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split("."), b.split(".")];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = BigInt(left[i] ?? "0") - BigInt(right[i] ?? "0");
    if (difference !== 0n) return difference < 0n ? -1 : 1;
  }
  return 0;
}

function compareFiles(a: MigrationFile, b: MigrationFile): number {
  if (a.version !== undefined && b.version !== undefined) return compareVersions(a.version, b.version);
  if (a.version !== undefined) return -1;
  return b.version !== undefined || a.description > b.description ? 1 : -1;
}
