import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { type CompileCachePlace, prepareCompileCache } from "./compile-cache.ts";

describe("prepareCompileCache", () => {
  let root: string;
  let place: CompileCachePlace;
  const source = () => join(root, "source", "long.ts");

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-compiled-"));
    await mkdir(join(root, "source"));
    await writeFile(source(), "export const answer: number = 42;\n");
    place = {
      directory: join(root, "cache"),
      sources: [join(root, "source")],
      modules: [pathToFileURL(source()).href],
    };
  });
  afterEach(() => rm(root, { recursive: true }));

  /** Files of the cache itself. */
  const listCompiled = async () => {
    const entries = await readdir(place.directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && entry.name !== "stamp").map(({ name }) => name);
  };
  /** The files of the cache after it was emptied and asked for again: none, unless it was filled anew. */
  const listFilledAnew = async () => {
    for (const name of await readdir(place.directory)) {
      if (name !== "stamp") await rm(join(place.directory, name), { recursive: true });
    }
    expect(await prepareCompileCache({}, place)).to.equal(place.directory);
    return await listCompiled();
  };

  it("fills it with what the modules load", async () => {
    expect(await prepareCompileCache({}, place)).to.equal(place.directory);
    expect(await listCompiled()).not.to.deep.equal([]);
  });

  it("fills it once for each state of the code", async () => {
    await prepareCompileCache({}, place);
    expect(await listFilledAnew()).to.deep.equal([]);
    await utimes(source(), 1_000_000_000, 1_000_000_000);
    expect(await listFilledAnew()).not.to.deep.equal([]);
  });

  it("does without where coverage is measured, or the environment forbids it", async () => {
    expect(await prepareCompileCache({ NODE_V8_COVERAGE: "coverage" }, place)).to.equal(undefined);
    expect(await prepareCompileCache({ NODE_DISABLE_COMPILE_CACHE: "1" }, place)).to.equal(undefined);
    expect(await readdir(root)).to.deep.equal(["source"]);
  });

  it("does without where it cannot be written", async () => {
    await writeFile(join(root, "file"), "");
    expect(await prepareCompileCache({}, { ...place, directory: join(root, "file") })).to.equal(undefined);
  });

  it("does without, and tries again next time, where the code does not load", async () => {
    await writeFile(source(), "throw new Error();\n");
    expect(await prepareCompileCache({}, place)).to.equal(undefined);
    expect(await readdir(place.directory)).not.to.include("stamp");
  });
});
