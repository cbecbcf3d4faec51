import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createUploadTracker } from "./upload-tracker.ts";

const key = { urls: ["http://a", "http://b"], namespace: "default", path: "p", file: "/f", sizeBytes: 5, mtimeMs: 7 };

describe("createUploadTracker", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "sluice-tracker-"));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it("remembers an upload until it is told to forget it", async () => {
    const env = { XDG_STATE_HOME: home };
    expect(await createUploadTracker(env, key).find()).to.equal(undefined);
    await createUploadTracker(env, key).remember("one");
    await createUploadTracker(env, key).remember("two");
    expect(await createUploadTracker(env, key).find()).to.equal("two");
    await createUploadTracker(env, key).forget();
    expect(await createUploadTracker(env, key).find()).to.equal(undefined);
  });

  it("knows the service whatever the order of its addresses", async () => {
    const env = { XDG_STATE_HOME: home };
    await createUploadTracker(env, key).remember("one");
    expect(await createUploadTracker(env, { ...key, urls: ["http://b", "http://a"] }).find()).to.equal("one");
  });

  it("takes a file that was changed, or goes elsewhere, for another", async () => {
    const env = { HOME: home };
    await createUploadTracker(env, key).remember("one");
    const others = [
      { mtimeMs: 8 },
      { sizeBytes: 6 },
      { path: "q" },
      { urls: ["http://b"] },
      { namespace: "n" },
      { file: "/g" },
    ];
    for (const other of others) expect(await createUploadTracker(env, { ...key, ...other }).find()).to.equal(undefined);
    expect(await readdir(join(home, ".local", "state", "sluice", "uploads"))).to.have.length(1);
  });

  it("removes records that no upload outlives", async () => {
    const env = { XDG_STATE_HOME: home };
    await createUploadTracker(env, key).remember("one");
    const directory = join(home, "sluice", "uploads");
    const [name] = await readdir(directory);
    await utimes(join(directory, name as string), 1, 1);
    await createUploadTracker(env, { ...key, path: "q" }).remember("two");
    expect(await createUploadTracker(env, key).find()).to.equal(undefined);
  });

  it("goes without where nothing can be written or read", async () => {
    await writeFile(join(home, "sluice"), "a file, not a directory");
    const tracker = createUploadTracker({ XDG_STATE_HOME: home }, key);
    await tracker.remember("one");
    expect(await tracker.find()).to.equal(undefined);
    await tracker.forget();
  });
});
