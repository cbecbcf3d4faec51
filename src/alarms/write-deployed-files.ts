import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createDeployedFiles } from "./deployed-files.ts";

/* `npm run generate:alarms`: writes the alarms and dashboards of `deploy/` anew; whoever commits them reads first what has changed. */

const top = join(import.meta.dirname, "../..");
for (const [path, text] of Object.entries(createDeployedFiles())) {
  await mkdir(dirname(join(top, path)), { recursive: true });
  await writeFile(join(top, path), text);
}
