// `npm run test:mutants` changes the product in small ways, one at a time, and says which changes the first tier of tests notices. See --help.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { count, list, name, runCommand, type Values } from "./command-line.ts";
import { createTestChooser } from "./mutants/choose-tests.ts";
import { findMutants, type Mutant } from "./mutants/find-mutants.ts";
import { createMutantTrial } from "./mutants/try-mutant.ts";
import { createRandom } from "./stage/seeded-random.ts";

const TREE = join(import.meta.dirname, "..");
const ROOMS = ["transfer", "commands", "auth"] as const;
/** The share of mutants that the first tier has to notice, in percent. */
const NOTICED_MIN_PERCENT = 85;

const options = {
  seed: count("which mutants are taken", 1, [0, 2 ** 31]),
  count: count("how many are taken", 200, [1, 100_000]),
  room: { ...list({ ...name("rooms of src that are changed", ROOMS), value: "a" }), fallback: ROOMS.join() },
};

await runCommand({ script: "test:mutants", options, run });

async function run({ seed, count: wanted, room: rooms, json }: Values<typeof options>): Promise<number> {
  const mutants = takeSome(listMutants(rooms), { seed, wanted });
  const choose = createTestChooser(TREE);
  const tryMutant = createMutantTrial(TREE);
  const tried = [];
  for (const mutant of mutants) {
    const verdict = await tryMutant(mutant, choose(mutant.file));
    tried.push({ ...mutant, ...verdict });
    const by = verdict.kind === "killed" ? ` by ${verdict.by}` : "";
    if (!json) process.stdout.write(`${verdict.kind.padEnd(9)} ${show(mutant)}${by}\n`);
  }
  const survivors = tried.filter(({ kind }) => kind === "survived");
  const percent = (100 * (tried.length - survivors.length)) / tried.length;
  if (json) process.stdout.write(`${JSON.stringify({ seed, percent, tried }, null, 2)}\n`);
  else {
    const late = tried.filter(({ kind }) => kind === "timed out").length;
    process.stdout.write(
      `\nseed ${seed}: ${percent.toFixed(1)} % of ${tried.length} mutants noticed, ${late} of these by a time-out; ${survivors.length} survived\n`,
    );
  }
  return percent >= NOTICED_MIN_PERCENT ? 0 : 1;
}

function listMutants(rooms: readonly string[]): Mutant[] {
  const files = rooms.flatMap((room) => globSync(`src/${room}/**/*.ts`, { cwd: TREE })).sort();
  return files
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) => findMutants(file, readFileSync(join(TREE, file), "utf8")));
}

/** The same ones for the same seed and the same sources, in the order of the files. */
function takeSome(mutants: readonly Mutant[], { seed, wanted }: { seed: number; wanted: number }): Mutant[] {
  const random = createRandom(seed);
  const drawn = mutants.map((mutant, place) => ({ mutant, place, key: random() })).sort((a, b) => a.key - b.key);
  return drawn
    .slice(0, wanted)
    .sort((a, b) => a.place - b.place)
    .map(({ mutant }) => mutant);
}

function show({ file, line, kind, start, end, replacement }: Mutant): string {
  const original = readFileSync(join(TREE, file), "utf8").slice(start, end).replaceAll(/\s+/g, " ");
  return `${file}:${line} ${kind}: ${shorten(original)} -> ${shorten(replacement)}`;
}

function shorten(code: string): string {
  return code.length <= 60 ? code : `${code.slice(0, 57)}...`;
}
