import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { printOptionTable } from "../../aws/print/print-options.ts";
import { createGoldenFiles, GOLDEN_DIRECTORY } from "./golden-files.ts";

/* `npm run generate:golden`: writes the golden files and the table of options in docs/aws.md anew; what changed is to be read before it is committed. */

const directory = join(import.meta.dirname, "../../..", GOLDEN_DIRECTORY);
await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });
for (const [name, text] of Object.entries(createGoldenFiles())) await writeFile(join(directory, name), text);

const page = join(import.meta.dirname, "../../../docs/aws.md");
const written = (await readFile(page, "utf8")).replace(
  /(?<=<!-- options: begin -->\n).*(?=<!-- options: end -->)/s,
  () => printOptionTable(),
);
await writeFile(page, written);
