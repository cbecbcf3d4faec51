import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { nextIdentity } from "../testing/rigs/database/repository-subject.ts";
import { createStoredFiles } from "../testing/rigs/uploads/stored-files.ts";
import { purgeDueFiles } from "./purge-due-files.ts";

describe("purgeDueFiles", () => {
  const open = () => {
    const clock = { now: 1_700_000_000_000 };
    const stored = createStoredFiles({ now: () => clock.now });
    const { files, objects } = stored;
    /** A file that is due `afterMs` from now, its bytes in storage. */
    const storeDeleted = (afterMs: number) => stored.storeDeleted(undefined, afterMs);
    const run = (options: { cursor?: string; signal?: AbortSignal; batchMax?: number; batchesMax?: number } = {}) => {
      const { cursor = "", signal = new AbortController().signal, batchMax = 3, batchesMax = 100 } = options;
      const limits = { batchMax, batchesMax, deletionsInFlightMax: 2 };
      return purgeDueFiles({ files, objects }, { namespace: "default", limits, cursor, signal });
    };
    const stateOf = async (path: string) => (await files.get("default", path, { generation: 1 })).purgeState;
    return { clock, files, objects, storeDeleted, run, stateOf };
  };

  it("purges what is past its purge time, in batches, and nothing else", async () => {
    const { clock, objects, storeDeleted, run, stateOf } = open();
    const later = await storeDeleted(60_000);
    for (let count = 0; count < 7; count++) await storeDeleted(1000);
    expect(await run()).to.deep.equal({ purged: 0, errors: [], cursor: "" });
    clock.now += 1000;
    expect(await run()).to.deep.equal({ purged: 7, errors: [], cursor: "" });
    expect(objects.keys).to.deep.equal([later.s3Key]);
    expect(await stateOf(later.path)).to.equal(undefined);
    expect(await run()).to.deep.equal({ purged: 0, errors: [], cursor: "" });
  });

  it("goes on with what a crash has left", async () => {
    const { files, objects, storeDeleted, run, stateOf } = open();
    const [marked, removed] = [await storeDeleted(60_000), await storeDeleted(60_000)];
    for (const { path } of [marked, removed]) await files.beginPurge("default", path, { identity: nextIdentity() });
    await objects.deleteVersions("bucket", removed.s3Key);
    expect(await run()).to.include({ purged: 2 });
    expect([await stateOf(marked.path), await stateOf(removed.path)]).to.deep.equal(["purged", "purged"]);
    expect(objects.keys).to.deep.equal([]);
  });

  it("loses nothing while storage is away", async () => {
    const { objects, storeDeleted, run } = open();
    for (let count = 0; count < 5; count++) await storeDeleted(0);
    objects.faults.add("delete", { kind: "fail" }, { times: 3 });
    const first = await run();
    expect(first).to.include({ purged: 0 });
    expect(first.errors).to.have.lengthOf(3);
    expect(first.errors.every((error) => error instanceof DomainError)).to.equal(true);
    const second = await run({ cursor: first.cursor });
    expect(second).to.deep.equal({ purged: 2, errors: [], cursor: "" });
    expect(await run()).to.deep.equal({ purged: 3, errors: [], cursor: "" });
    expect(objects.keys).to.deep.equal([]);
  });

  it("lets nothing that cannot be removed keep the rest waiting", async () => {
    const { objects, storeDeleted, run } = open();
    const stuck = [await storeDeleted(0), await storeDeleted(0), await storeDeleted(0)];
    const keys = new RegExp(stuck.map(({ s3Key }) => s3Key.replaceAll(".", "\\.")).join("|"));
    objects.faults.add("delete", { kind: "fail" }, { key: keys, times: 1000 });
    for (let count = 0; count < 4; count++) await storeDeleted(0);
    let purged = 0;
    let cursor = "";
    for (let runs = 0; runs < 3; runs++) {
      const result = await run({ cursor });
      purged += result.purged;
      cursor = result.cursor;
    }
    expect(purged).to.equal(4);
    expect(objects.keys).to.have.members(stuck.map(({ s3Key }) => s3Key));
  });

  it("stops at its bound, and when another replica has taken the job", async () => {
    const { storeDeleted, run } = open();
    for (let count = 0; count < 5; count++) await storeDeleted(0);
    const first = await run({ batchMax: 2, batchesMax: 1 });
    expect(first).to.include({ purged: 2 });
    expect(await run({ signal: AbortSignal.abort(), cursor: first.cursor })).to.deep.equal({ ...first, purged: 0 });
    expect(await run({ cursor: first.cursor })).to.deep.equal({ purged: 3, errors: [], cursor: "" });
  });

  it("purges nothing that is kept", async () => {
    const { clock, files, storeDeleted, run, stateOf } = open();
    const { path } = await storeDeleted(0);
    const keep = (retention: { legalHold?: boolean; retainUntilTime?: Date }) =>
      files.update("default", path, {
        identity: nextIdentity(),
        generation: 1,
        change: (file) => ({ ...file, ...retention }),
      });
    await keep({ legalHold: true, retainUntilTime: new Date(clock.now + 1000) });
    expect(await run()).to.include({ purged: 0 });
    await keep({ legalHold: false });
    expect(await run()).to.include({ purged: 0 });
    expect(await stateOf(path)).to.equal(undefined);
    clock.now += 1000;
    expect(await run()).to.include({ purged: 1 });
  });
});
