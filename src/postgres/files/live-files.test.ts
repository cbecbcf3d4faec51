import { expect } from "chai";
import type { CommonQueryMethods } from "slonik";
import { settle } from "../../testing/fakes/settle.ts";
import { LiveFiles, LOOKUP_LIMITS } from "./live-files.ts";

/** A pool whose statements end when the test says, without any row. */
function createSlowPool() {
  const statements: { paths: string[]; end: () => void; fail: (error: Error) => void }[] = [];
  const any = ({ values }: { values: [string[], string[]] }) => {
    const { promise, resolve, reject } = Promise.withResolvers<never[]>();
    statements.push({ paths: values[1], end: () => resolve([]), fail: reject });
    return promise;
  };
  return { pool: { any } as unknown as CommonQueryMethods, statements };
}

/** A statement that ends begins the next one, which is sent after the poll phase. */
async function settleTwice(): Promise<void> {
  await settle();
  await settle();
}

describe("LiveFiles", () => {
  let files: LiveFiles;
  let { pool, statements } = createSlowPool();
  const ask = (...paths: string[]) =>
    paths.map((path) => files.get(pool, { namespace: "default", path }).catch((error: Error) => error.message));
  const numbered = (name: string, count: number) => Array.from({ length: count }, (__, index) => `${name}-${index}`);

  beforeEach(() => {
    ({ pool, statements } = createSlowPool());
    files = new LiveFiles();
  });

  it("asks for one file at once, and together for those that come while statements are under way", async () => {
    for (let statement = 1; statement <= LOOKUP_LIMITS.statementsMax; statement++) {
      ask(`alone-${statement}`);
      await settleTwice();
      expect(statements).to.have.length(statement);
    }
    ask("b", "c");
    await settleTwice();
    ask("d");
    await settleTwice();
    expect(statements, "no more at a time").to.have.length(LOOKUP_LIMITS.statementsMax);
    statements[0]?.end();
    await settleTwice();
    expect(statements.at(-1)?.paths).to.deep.equal(["b", "c", "d"]);
  });

  it("asks for at most so many in one statement", async () => {
    const asked = ask(...numbered("f", 2 * LOOKUP_LIMITS.callsMax + 50));
    for (let count = 1; count <= 3; count++) {
      await settleTwice();
      statements[count - 1]?.end();
    }
    await Promise.all(asked);
    expect(statements.map(({ paths }) => paths.length)).to.deep.equal([
      LOOKUP_LIMITS.callsMax,
      LOOKUP_LIMITS.callsMax,
      50,
    ]);
  });

  it("goes on when statements fail, which fails what they were asked for alone", async () => {
    const broken: Promise<unknown>[] = [];
    for (let statement = 1; statement <= LOOKUP_LIMITS.statementsMax; statement++) {
      broken.push(...ask(`broken-${statement}`, `too-${statement}`));
      await settleTwice();
    }
    const next = ask("next");
    await settleTwice();
    for (const { fail } of statements) fail(new Error("connection lost"));
    expect(new Set(await Promise.all(broken))).to.deep.equal(new Set(["connection lost"]));
    await settleTwice();
    expect(statements.at(-1)?.paths).to.deep.equal(["next"]);
    statements.at(-1)?.end();
    expect(await Promise.all(next)).to.deep.equal(['there is no file at "next"']);
  });

  it("keeps the lookups of several pools apart", async () => {
    ask("a");
    const other = createSlowPool();
    files.get(other.pool, { namespace: "default", path: "b" }).catch(() => undefined);
    await settleTwice();
    expect([statements, other.statements].map(([statement]) => statement?.paths)).to.deep.equal([["a"], ["b"]]);
  });
});
