import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { createNoteKey } from "../domain/log/signed-note.ts";

const Secrets = z.object({
  token: z.string().min(8),
  databasePassword: z.string().min(1),
  s3SecretKey: z.string().min(1),
  tokenKey: z.string().min(1),
  auditKey: z.string().min(1),
});

/** The secrets that the processes of a stack share, and the token of its callers. */
export type StackSecrets = z.infer<typeof Secrets>;

/** New secrets: never the same on two machines, so that no web page or neighbour can guess them. */
export function createStackSecrets(): StackSecrets {
  const secret = () => randomBytes(20).toString("hex");
  const tokenKey = randomBytes(32).toString("base64");
  const { signingKey: auditKey } = createNoteKey("localhost/sluice-audit");
  return { token: secret(), databasePassword: secret(), s3SecretKey: secret(), tokenKey, auditKey };
}

/** The secrets kept in `directory`, which only the user may read; made at the first call. */
export async function loadStackSecrets(directory: string): Promise<StackSecrets> {
  const path = join(directory, "secrets.json");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    return Secrets.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new Error(`${path} holds no secrets of a stack; remove ${directory} to begin anew`, { cause: error });
    }
  }
  const secrets = createStackSecrets();
  await writeFile(path, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  return secrets;
}
