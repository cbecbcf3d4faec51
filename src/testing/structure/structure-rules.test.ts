import { expect } from "chai";
import { findClockReads } from "./clock-rules.ts";
import { findImportCycles } from "./import-cycles.ts";
import { findLoadBreaches } from "./load-rules.ts";
import { findRoomBreaches } from "./room-rules.ts";
import { findFullFolders, findShapeBreaches } from "./shape-rules.ts";
import { parseSourceFile } from "./source-file.ts";
import {
  findEnvironmentReads,
  findExportBreaches,
  findFocusedTests,
  findLateSchemas,
  findLooseEnds,
} from "./text-rules.ts";

describe("the rules of the structure", () => {
  describe("rooms", () => {
    const breachesOf = (path: string, text: string) => findRoomBreaches(parseSourceFile(path, text));

    it("keep the domain from packages, Node's I/O and every other room", () => {
      expect(breachesOf("src/domain/file.ts", 'import { sql } from "slonik";')).to.have.lengthOf(1);
      expect(breachesOf("src/domain/file.ts", 'import { open } from "node:fs/promises";')).to.have.lengthOf(1);
      const [breach] = breachesOf("src/domain/file.ts", '\nimport type { Pool } from "../postgres/pool.ts";');
      expect(breach).to.equal(
        "src/domain/file.ts:2 imports src/postgres/pool.ts, and domain must not know postgres; pass it in from composition/",
      );
    });

    it("let the domain name streams without loading them", () => {
      expect(breachesOf("src/domain/file.ts", 'import type { Readable } from "node:stream";')).to.deep.equal([]);
      expect(breachesOf("src/domain/file.ts", 'import { type Readable } from "node:stream";')).to.deep.equal([]);
      expect(breachesOf("src/domain/file.ts", 'import { Readable } from "node:stream";')).to.have.lengthOf(1);
      expect(breachesOf("src/domain/file.ts", 'import "node:stream";')).to.have.lengthOf(1);
      expect(breachesOf("src/domain/file.ts", 'import stream from "node:stream";')).to.have.lengthOf(1);
    });

    it("keep adapters apart", () => {
      expect(breachesOf("src/s3/requests/client.ts", 'import { sql } from "../postgres/pool.ts";')).to.have.lengthOf(1);
      expect(breachesOf("src/rpc/router.ts", 'import { a } from "../commands/a.ts";')[0]).to.contain('"import type"');
      expect(breachesOf("src/rpc/router.ts", 'import type { A } from "../commands/a.ts";')).to.deep.equal([]);
    });

    it("see imports that are made late, and those of types in passing", () => {
      expect(breachesOf("src/domain/file.ts", 'const load = () => import("../s3/client.ts");')).to.have.lengthOf(1);
      expect(breachesOf("src/domain/file.ts", 'type A = import("../s3/client.ts").A;')).to.have.lengthOf(1);
      expect(breachesOf("src/domain/file.ts", "const load = (name: string) => import(name);")).to.deep.equal([]);
    });

    it("know entry points of a package, and packages whose names begin alike", () => {
      expect(breachesOf("src/client/a.ts", 'import { a } from "@bufbuild/protobuf/wkt";')).to.deep.equal([]);
      expect(breachesOf("src/client/a.ts", 'import { a } from "@bufbuild/protobuf-test";')).to.have.lengthOf(1);
      expect(breachesOf("src/composition/app.ts", 'import { a } from "node:os";')).to.deep.equal([]);
    });

    it("keep generated code to the faces of the API", () => {
      const text = 'import { FileSchema } from "../../gen/sluice/v1/file_pb.ts";';
      expect(breachesOf("src/commands/a.ts", text)).to.have.lengthOf(1);
      expect(breachesOf("src/cli/a.ts", text)).to.have.lengthOf(1);
      expect(breachesOf("src/cli/a.ts", text.replace("import", "import type"))).to.deep.equal([]);
      expect(breachesOf("src/rpc/a.ts", text)).to.deep.equal([]);
    });

    it("keep what is for tests to tests", () => {
      const text = 'import { fake } from "../testing/fake.ts";';
      expect(breachesOf("src/commands/a.ts", text)[0]).to.contain("stays with tests");
      expect(breachesOf("src/commands/a.test.ts", text)).to.deep.equal([]);
      expect(breachesOf("src/commands/a.ts", 'import { b } from "./b.test.ts";')).to.have.lengthOf(1);
      expect(breachesOf("bench/a.ts", 'import { fake } from "../src/testing/fake.ts";')).to.have.lengthOf(1);
    });

    it("are those of the list, and nothing lies outside", () => {
      expect(breachesOf("src/managers/a.ts", "")[0]).to.contain('no room "managers"');
      expect(breachesOf("src/main.ts", "")).to.deep.equal([]);
      expect(breachesOf("src/app.ts", "")[0]).to.contain('no room "app.ts"; move it to the room it belongs to');
      expect(breachesOf("src/commands/a.ts", 'import { b } from "../../bench/b.ts";')).to.have.lengthOf(1);
      expect(breachesOf("src/commands/a.ts", 'import { b } from "./b.ts";')).to.deep.equal([]);
      expect(breachesOf("src/client/a.ts", 'import { b } from "../domain/crc32.ts";')).to.deep.equal([]);
    });

    it("keep their inner rooms in order", () => {
      expect(breachesOf("src/rpc/services/a.ts", 'import { b } from "../calls/b.ts";')).to.deep.equal([]);
      const [breach] = breachesOf("src/rpc/calls/a.ts", 'import { b } from "../services/b.ts";');
      expect(breach).to.equal(
        "src/rpc/calls/a.ts:1 imports src/rpc/services/b.ts, and rpc/calls must not know rpc/services; move what it needs, or name the arrow in rooms.ts",
      );
      expect(breachesOf("src/rpc/a.ts", 'import { b } from "./calls/b.ts";')).to.deep.equal([]);
      expect(breachesOf("src/rpc/calls/a.ts", 'import { b } from "../b.ts";')[0]).to.contain("the hall of rpc");
      expect(breachesOf("src/rpc/helpers/a.ts", "")[0]).to.contain('rpc has no inner room "helpers"');
    });

    it("keep the inner rooms of inner rooms in order", () => {
      expect(breachesOf("src/testing/fakes/uploads/a.ts", 'import { b } from "../b.ts";')).to.deep.equal([]);
      expect(breachesOf("src/testing/fakes/b.ts", 'import { a } from "./uploads/a.ts";')).to.deep.equal([]);
      expect(breachesOf("src/testing/rigs/a.ts", 'import { b } from "../fakes/uploads/b.ts";')).to.deep.equal([]);
      const [breach] = breachesOf("src/testing/fakes/uploads/a.ts", 'import { b } from "../../rigs/b.ts";');
      expect(breach).to.contain("testing/fakes must not know testing/rigs");
      const [other] = breachesOf("src/devstack/s3-server/protocol/a.ts", 'import { b } from "../storage/b.ts";');
      expect(other).to.contain("devstack/s3-server/protocol must not know devstack/s3-server/storage");
      expect(breachesOf("src/devstack/s3-server/storage/b.ts", 'import { a } from "../protocol/a.ts";')).to.deep.equal(
        [],
      );
      expect(breachesOf("src/devstack/s3-server/protocol/a.ts", 'import { b } from "../main.ts";')[0]).to.contain(
        "the hall of devstack/s3-server",
      );
      expect(breachesOf("src/testing/fakes/files/a.ts", "")[0]).to.contain('testing/fakes has no inner room "files"');
    });
  });

  it("names the files of a circle of imports", () => {
    const files = [
      parseSourceFile("src/domain/a.ts", 'import { b } from "./b.ts";'),
      parseSourceFile("src/domain/b.ts", 'import type { c } from "./c.ts"; import { z } from "zod";'),
      parseSourceFile("src/domain/c.ts", 'import { a } from "./a.ts"; import { d } from "./d.ts";'),
      parseSourceFile("src/domain/d.ts", ""),
    ];
    const [circle, ...others] = findImportCycles(files);
    expect(circle).to.contain("src/domain/a.ts -> src/domain/b.ts -> src/domain/c.ts -> src/domain/a.ts");
    expect(others).to.deep.equal([]);
  });

  describe("loads", () => {
    const files = [
      parseSourceFile(
        "src/composition/app.ts",
        'import { a } from "../rpc/a.ts"; const b = () => import("../aws/b.ts");',
      ),
      parseSourceFile("src/rpc/a.ts", 'import type { B } from "../aws/b.ts"; import { c } from "./c.ts";'),
      parseSourceFile(
        "src/rpc/c.ts",
        'import { a } from "../composition/app.ts"; import "yaml-like"; import "yaml/cst";',
      ),
      parseSourceFile("src/aws/b.ts", 'import "commander";'),
    ];
    const breachesOf = (...without: string[]) =>
      findLoadBreaches(files, { entry: "src/composition/app.ts", without, why: "it is large" });

    it("are free to name what they load late, and types", () => {
      expect(breachesOf("src/aws/", "commander")).to.deep.equal([]);
    });

    it("say by which way something is loaded at once", () => {
      expect(breachesOf("src/rpc/c.ts", "src/aws/")).to.deep.equal([
        "src/composition/app.ts -> src/rpc/a.ts -> src/rpc/c.ts: is loaded at once; load it late with import(): it is large",
      ]);
      expect(breachesOf("yaml").map((sentence) => sentence.split(":")[0])).to.deep.equal([
        "src/composition/app.ts -> src/rpc/a.ts -> src/rpc/c.ts -> yaml/cst",
      ]);
    });

    it("say that their entry is gone", () => {
      const [breach] = findLoadBreaches([], { entry: "src/composition/app.ts", without: [], why: "" });
      expect(breach).to.equal("src/composition/app.ts does not exist; mend the rule in load-rules.ts");
    });
  });

  describe("shapes", () => {
    const breachesOf = (text: string, path = "src/domain/a.ts") => findShapeBreaches(parseSourceFile(path, text));
    const lines = (count: number) => "f();\n".repeat(count);

    it("refuse names of kinds and names that are not in kebab-case", () => {
      expect(breachesOf("", "src/domain/utils.ts")[0]).to.contain('"utils" names a kind');
      expect(breachesOf("", "src/domain/helpers/a.ts")).to.have.lengthOf(1);
      expect(breachesOf("", "src/client/index.ts")).to.have.lengthOf(1);
      expect(breachesOf("", "src/domain/partPlan.ts")[0]).to.contain("kebab-case");
      expect(breachesOf("", "src/domain/part-plan.integration.test.ts")).to.deep.equal([]);
    });

    it("bound files, tests later than others", () => {
      expect(breachesOf(lines(300))).to.deep.equal([]);
      expect(breachesOf(lines(301))[0]).to.contain("has 301 lines, 300 is the limit");
      expect(breachesOf(`import { f } from "./b.ts";\n${lines(300)}`), "imports do not count").to.deep.equal([]);
      expect(breachesOf(lines(600), "src/domain/a.test.ts")).to.deep.equal([]);
      expect(breachesOf(lines(601), "src/domain/a.test.ts")).to.have.lengthOf(1);
    });

    it("bound folders, without their tests", () => {
      const folder = (count: number) => Array.from({ length: count }, (_, at) => ({ path: `src/s3/a${at}.ts` }));
      const tests = [{ path: "src/s3/a.test.ts" }, { path: "src/s3/a.integration.test.ts" }];
      expect(findFullFolders([...folder(25), ...tests, { path: "src/s3/bodies/b.ts" }])).to.deep.equal([]);
      expect(findFullFolders(folder(26))).to.deep.equal([
        "src/s3: has 26 files beside their tests, 25 is the limit; give it inner rooms, by family and never by kind",
      ]);
    });

    it("bound functions, without the named ones inside", () => {
      expect(breachesOf(`function long() {\n${lines(68)}}`)).to.deep.equal([]);
      expect(breachesOf(`function long() {\n${lines(69)}}`)[0]).to.contain("long has 71 lines");
      expect(breachesOf(`const long = () => {\n${lines(69)}}`)[0]).to.contain("long has 71 lines");
      expect(breachesOf(`class A { constructor() {\n${lines(69)}} }`)[0]).to.contain("the constructor");
      expect(breachesOf(`run(() => {\n${lines(69)}})`)[0]).to.contain("a function has 71 lines");
      expect(breachesOf(`function make() { return { a() {\n${lines(60)}}, b() {\n${lines(60)}} }; }`)).to.deep.equal(
        [],
      );
    });

    it("bound positional parameters, with options or a callback at the end free", () => {
      expect(breachesOf("function f(a: A, b: B, c: C, d: D) {}")[0]).to.contain("takes 4 positional parameters");
      expect(breachesOf("function f(this: T, a: A, b: B, c: C, options: D) {}")).to.deep.equal([]);
      expect(breachesOf("function f(a: A, b: B, c: C, { d }: D) {}")).to.deep.equal([]);
      expect(breachesOf("function f(a: A, b: B, c: C, d: { e: E }) {}")).to.deep.equal([]);
      expect(breachesOf("function f(a: A, b: B, c: C, d: () => void) {}")).to.deep.equal([]);
      expect(breachesOf("array.reduce((a, b, c, d) => a);")).to.deep.equal([]);
      expect(breachesOf("declare function f(a: A, b: B, c: C, d: D): void; function g() {}")).to.deep.equal([]);
    });
  });

  it("finds reads of the environment", () => {
    const breachesOf = (path: string, text: string) => findEnvironmentReads(parseSourceFile(path, text));
    expect(breachesOf("src/s3/a.ts", "const region = process.env.AWS_REGION;")).to.have.lengthOf(1);
    expect(breachesOf("src/s3/a.ts", "const { env } = process;")).to.have.lengthOf(1);
    expect(breachesOf("src/s3/a.ts", "const { pid } = process;")).to.deep.equal([]);
    expect(breachesOf("src/config/config.ts", "parse(process.env);")).to.deep.equal([]);
    expect(breachesOf("src/main.ts", "serve(process.env);")).to.deep.equal([]);
    expect(breachesOf("src/s3/a.test.ts", "parse(process.env);")).to.deep.equal([]);
  });

  it("finds exports that nothing is said of", () => {
    const breachesOf = (text: string, path = "src/domain/a.ts") => findExportBreaches(parseSourceFile(path, text));
    expect(breachesOf("export const A = 1, B = 2;")[0]).to.contain("exports A, B without a docstring");
    expect(breachesOf("export function f() {}")[0]).to.contain("exports f ");
    expect(breachesOf("export default 1;")).to.deep.equal([]);
    expect(breachesOf("export default function () {}")[0]).to.contain("its default");
    expect(breachesOf("/** One. */\nexport const A = 1;\nexport const B = 2;\n\nexport const C = 3;")).to.have.lengthOf(
      1,
    );
    expect(breachesOf("/** One. */\nexport interface A {}\nexport interface B {}")).to.have.lengthOf(1);
    expect(breachesOf("function f() {}\nconst a = 1;\nexport const b = 1;")).to.have.lengthOf(1);
    expect(breachesOf('export * from "./b.ts";')[0]).to.contain("passes on");
    expect(breachesOf('export type { B } from "./b.ts";')).to.have.lengthOf(1);
    expect(breachesOf("export const A = 1;", "src/testing/a.ts")).to.have.lengthOf(1);
    expect(breachesOf("export const A = 1;", "src/domain/a.test.ts")).to.deep.equal([]);
  });

  it("finds tests that run alone or not at all", () => {
    const breachesOf = (text: string) => findFocusedTests(parseSourceFile("src/domain/a.test.ts", text));
    for (const call of ["it.only", "it.skip", "describe.only", "describe.skip"])
      expect(breachesOf(`${call}("…", () => {});`), call).to.have.lengthOf(1);
    expect(breachesOf('it("…", function () { this.skip(); }); range.only(1); a.b.skip();')).to.deep.equal([]);
  });

  it("find what reads the clock in a test, and a time-out of its own", () => {
    const breachesOf = (text: string, path = "src/domain/a.test.ts") => findClockReads(parseSourceFile(path, text));
    for (const text of ["Date.now();", "performance.now();", "process.hrtime.bigint();", "new Date();"])
      expect(breachesOf(text), text).to.have.lengthOf(1);
    expect(breachesOf("this.timeout(5);")[0]).to.contain("sets a time-out");
    expect(breachesOf('it("…", () => {}).timeout(5);')).to.have.lengthOf(1);
    expect(breachesOf("new Date(0); AbortSignal.timeout(5); fromNow(60_000); clock.now();")).to.deep.equal([]);
    expect(breachesOf("Date.now();", "src/testing/contracts/files/a.ts")).to.have.lengthOf(1);
    expect(breachesOf("Date.now();", "src/testing/rigs/until.ts")).to.deep.equal([]);
  });

  it("find schemas that are made at every call", () => {
    const breachesOf = (text: string) => findLateSchemas(parseSourceFile("src/postgres/a.ts", text));
    expect(breachesOf("pool.one(sql.type(z.object({}))`SELECT`)")[0]).to.contain("src/postgres/a.ts:1 makes a schema");
    expect(breachesOf('sql.prepared("name", row.extend({ a: z.int() }))`SELECT`')).to.have.lengthOf(1);
    const late = "async function read() { const row = z.object({}); return await pool.one(sql.type(row)`SELECT`); }";
    expect(breachesOf(late)[0]).to.contain("src/postgres/a.ts:1 makes a schema");
    expect(breachesOf("const row = z.object({ a: z.int() }); type Row = z.infer<typeof row>;")).to.deep.equal([]);
    expect(breachesOf('sql.prepared("name", row)`SELECT`; sql.type(row)`SELECT`; sql.unsafe`SELECT`')).to.deep.equal(
      [],
    );
  });

  it("finds loose ends in texts", () => {
    const open = ["TO", "DO"].join("");
    const home = ["", "root", "sluice"].join("/");
    expect(findLooseEnds("a.md", `fine\n${open}: later`)).to.have.lengthOf(1);
    expect(findLooseEnds("a.md", `in ${home}/src`)[0]).to.contain(`a.md:1 names "${home}"`);
    expect(findLooseEnds("a.md", "https://example.com/home/page and ./work/plan")).to.deep.equal([]);
  });
});
