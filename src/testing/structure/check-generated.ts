import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findGeneratedDrift } from "./generated-drift.ts";

/* `npm run check:gen`: generates into a temporary folder and fails when gen/ holds anything else. */

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-generated-"));
try {
  const buf = spawnSync("npx", ["--no-install", "buf", "generate", "--output", folder], {
    cwd: root,
    encoding: "utf8",
  });
  if (buf.status !== 0) throw new Error(`buf generate failed: ${buf.error?.message ?? buf.stderr}`);
  const drift = findGeneratedDrift(join(root, "gen"), join(folder, "gen"));
  for (const sentence of drift) console.error(sentence);
  process.exitCode = drift.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
