import { mkdir, writeFile } from "node:fs/promises";
import { GOLDEN_VALUES, toGoldenFile } from "./chart-values.ts";
import { findHelm } from "./helm.ts";

/* `npm run generate:chart`: writes the golden renderings of the chart anew; whoever commits them reads first what has changed. */

const helm = await findHelm();
if (typeof helm === "string") throw new Error(helm);
await mkdir(new URL(".", toGoldenFile("defaults")), { recursive: true });
for (const [name, values] of Object.entries(GOLDEN_VALUES)) {
  await writeFile(toGoldenFile(name), await helm.template(values));
}
