import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

// Preloaded into processes of tests: they load one file of the tree as SLUICE_MUTANT says, and no file is changed.
const { url: mutated, path } = JSON.parse(process.env.SLUICE_MUTANT ?? "{}");
registerHooks({
  load: (url, context, nextLoad) =>
    url === mutated
      ? { format: "module-typescript", source: readFileSync(path, "utf8"), shortCircuit: true }
      : nextLoad(url, context),
});
