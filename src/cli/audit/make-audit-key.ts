import { createNoteKey } from "../../domain/log/signed-note.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { printLine, type Terminal } from "../terminal/terminal.ts";

/** `sluice audit keygen`: prints a new key as the service reads it, and the public key. Throws UsageError for a name that no key can have. */
export async function runMakeAuditKey(terminal: Terminal, name: string): Promise<void> {
  const { signingKey, verifierKey } = toKey(name);
  printLine(terminal, `SLUICE_AUDIT_KEYS='${JSON.stringify([signingKey])}'`);
  printLine(terminal, `# for those who verify: ${verifierKey}`);
}

function toKey(name: string) {
  try {
    return createNoteKey(name);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
