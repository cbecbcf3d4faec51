import { readdirSync, readFileSync } from "node:fs";
import { AssertionError } from "chai";
import { findClockReads } from "./clock-rules.ts";
import { findImportCycles } from "./import-cycles.ts";
import { findLoadBreaches, LOAD_RULES } from "./load-rules.ts";
import { findMechanismBreaches } from "./mechanism-rules.ts";
import { PAGES, pageOf } from "./pages.ts";
import { findRoomBreaches, roomOf } from "./room-rules.ts";
import { ROOMS } from "./rooms.ts";
import { findFullFolders, findShapeBreaches } from "./shape-rules.ts";
import { readSourceFiles } from "./source-file.ts";
import {
  findEnvironmentReads,
  findExportBreaches,
  findFocusedTests,
  findLateSchemas,
  findLooseEnds,
  findTransfers,
} from "./text-rules.ts";

const root = new URL("../../../", import.meta.url);
const PROSE = ["CHANGELOG.md", "package.json", ".ci/run", "buf.yaml", "buf.gen.yaml", ".mocharc.cjs"];

/** Fails with every breach, a line each. */
function expectNone(breaches: readonly string[]): void {
  if (breaches.length > 0) throw new AssertionError(`\n  ${breaches.join("\n  ")}`);
}

describe("the structure of the code", () => {
  const files = readSourceFiles(root, ["src", "bench"]);

  it("has files in every room that has rules", () => {
    const inhabited = new Set(files.map(({ path }) => roomOf(path)));
    const empty = Object.keys(ROOMS).filter((room) => !inhabited.has(room));
    expectNone(empty.map((room) => `src/${room} does not exist; take it out of rooms.ts`));
  });

  it("lets every room import only what it may know", () => {
    expectNone(files.flatMap(findRoomBreaches));
  });

  it("has no import cycles", () => {
    expectNone(findImportCycles(files));
  });

  it("loads at the start what every process needs, and nothing else", () => {
    expectNone(LOAD_RULES.flatMap((rule) => findLoadBreaches(files, rule)));
  });

  it("keeps files and functions small and named for concepts", () => {
    expectNone(files.flatMap(findShapeBreaches));
  });

  it("gives folders that are full inner rooms", () => {
    expectNone(findFullFolders(files));
  });

  it("reads the environment in config.ts alone", () => {
    expectNone(files.flatMap(findEnvironmentReads));
  });

  it("gives memory back in one place", () => {
    expectNone(files.flatMap(findTransfers));
  });

  it("says of every export what it promises", () => {
    expectNone(files.flatMap(findExportBreaches));
  });

  it("makes the schema of each row once", () => {
    expectNone(files.flatMap(findLateSchemas));
  });

  it("lets no clock decide a test", () => {
    expectNone(files.flatMap(findClockReads));
  });

  it("runs every test", () => {
    expectNone(files.flatMap(findFocusedTests));
  });

  it("leaves nothing open and names no path of one machine", () => {
    const prose = PROSE.map((path) => ({ path, text: readFileSync(new URL(path, root), "utf8") }));
    const migrations = listMigrations().map((name) => `migrations/${name}`);
    const sql = migrations.map((path) => ({ path, text: readFileSync(new URL(path, root), "utf8") }));
    expectNone([...files, ...PAGES.values(), ...prose, ...sql].flatMap(({ path, text }) => findLooseEnds(path, text)));
  });

  it("has every mechanism on its page, with its lines and the test that fails without it", () => {
    expectNone(findMechanismBreaches(pageOf("mechanisms"), files));
  });

  it("gives migrations Flyway's names, each version once", () => {
    const names = listMigrations();
    const versions = names.map((name) => /^V(\d+)__[a-z0-9_]+\.sql$/.exec(name)?.[1]);
    expectNone(
      names.flatMap((name, at) => {
        if (versions[at] === undefined) return [`migrations/${name}: name it like "V2__what_it_adds.sql"`];
        return versions.indexOf(versions[at]) < at ? [`migrations/${name}: version ${versions[at]} is taken`] : [];
      }),
    );
  });
});

function listMigrations(): string[] {
  return readdirSync(new URL("migrations/", root)).sort();
}
