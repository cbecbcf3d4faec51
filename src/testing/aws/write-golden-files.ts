import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGoldenFiles, GOLDEN_DIRECTORY } from "./golden-files.ts";

/* `npm run generate:golden`: writes the golden files anew; what changed is to be read before it is committed. */

const directory = join(import.meta.dirname, "../../..", GOLDEN_DIRECTORY);
await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });
for (const [name, text] of Object.entries(createGoldenFiles())) await writeFile(join(directory, name), text);
