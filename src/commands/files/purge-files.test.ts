import { expect } from "chai";
import type { DomainError } from "../../domain/errors.ts";
import { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import { nextIdentity, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { createStoredFiles } from "../../testing/rigs/uploads/stored-files.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type PurgeFilesRequest, purgeFiles } from "./purge-files.ts";

describe("purgeFiles", () => {
  const open = () => {
    const { files, objects, store, storeDeleted } = createStoredFiles();
    const filteredReads = new WorkLimiter("filtered reads", { runningMax: 1, waitingMax: 0 });
    const deps = { files, lists: files, objects, namespaces: sampleNamespaces({ bucket: "bucket" }), filteredReads };
    const purge = (request: Partial<PurgeFilesRequest> = {}) =>
      purgeFiles(
        deps,
        {
          requestId: nextUuid(),
          namespace: "default",
          filter: 'path = "old/*"',
          dryRun: false,
          includeLive: false,
          includeSuperseded: false,
          pageSize: 0,
          pageToken: "",
          ...request,
        },
        { caller: SAMPLE_CALLER },
      );
    const hold = (path: string, legalHold: boolean) =>
      files.update("default", path, {
        identity: nextIdentity(),
        generation: 1,
        change: (file) => ({ ...file, legalHold }),
      });
    return { files, objects, filteredReads, purge, store, storeDeleted, hold };
  };
  const NONE = { matched: 0, purged: 0, retained: 0, samplePaths: [], nextPageToken: "" };

  it("counts by a dry run, and purges what is deleted and matches, but what is kept", async () => {
    const { objects, purge, store, storeDeleted, hold } = open();
    for (const path of ["old/a", "old/b", "old/c", "new/a"]) await storeDeleted(path);
    await store("old/live");
    await hold("old/b", true);
    const found = { matched: 3, samplePaths: ["old/a", "old/b", "old/c"], nextPageToken: "" };
    expect(await purge({ dryRun: true })).to.deep.equal({ ...found, purged: 0, retained: 0 });
    expect(objects.keys).to.have.lengthOf(5);
    expect(await purge()).to.deep.equal({ ...found, purged: 2, retained: 1 });
    expect(objects.keys).to.have.lengthOf(3);
    expect(await purge()).to.deep.equal({ ...NONE, matched: 1, retained: 1, samplePaths: ["old/b"] });
    await hold("old/b", false);
    expect(await purge()).to.include({ purged: 1 });
    expect(await purge()).to.deep.equal(NONE);
  });

  it("selects files as one filtered read among all others, and purges nothing where there are too many", async () => {
    const { filteredReads, files, purge, storeDeleted } = open();
    await storeDeleted("old/a");
    const leave = await filteredReads.enter("another");
    expect(await catchError(() => purge())).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    expect((await files.get("default", "old/a", { generation: 1 })).purgeState).to.equal(undefined);
    leave();
    expect(await purge()).to.include({ purged: 1 });
  });

  it("purges live files when it is told to", async () => {
    const { files, purge, store, hold } = open();
    for (const path of ["old/a", "old/b"]) await store(path);
    await hold("old/b", true);
    expect(await purge({ includeLive: true })).to.include({ matched: 2, purged: 1, retained: 1 });
    expect((await files.get("default", "old/a", { generation: 1 })).purgeState).to.equal("purged");
    expect((await files.get("default", "old/b")).deleteTime).to.equal(undefined);
  });

  it("purges superseded generations when it is told to, after the others, but what is kept", async () => {
    const { files, objects, purge, store, storeDeleted, hold } = open();
    for (let count = 0; count < 3; count++) await store("old/a");
    for (let count = 0; count < 2; count++) await store("old/b");
    await storeDeleted("old/c");
    await hold("old/b", true);
    expect(await purge({ filter: "supersede_time:*" }), "not asked for").to.deep.equal(NONE);
    const old = { filter: 'path = "old/*"', includeSuperseded: true };
    const dry = await purge({ ...old, dryRun: true });
    expect(dry).to.include({ matched: 1 });
    const superseded = await purge({ ...old, dryRun: true, pageToken: dry.nextPageToken });
    const samplePaths = ["old/a", "old/a", "old/b"];
    expect(superseded).to.deep.equal({ ...NONE, matched: 3, samplePaths });
    expect(objects.keys).to.have.lengthOf(6);

    const named = await purge({ ...old, filter: "supersede_time:*", dryRun: true });
    expect(named, "where no file matches, at once").to.deep.equal({ ...NONE, matched: 3, samplePaths });

    const counts = { purged: 0, retained: 0, calls: 0 };
    for (let pageToken = "", isFirst = true; isFirst || pageToken !== ""; isFirst = false) {
      const result = await purge({ ...old, pageSize: 2, pageToken });
      counts.purged += result.purged;
      counts.retained += result.retained;
      counts.calls++;
      pageToken = result.nextPageToken;
    }
    expect(counts).to.deep.equal({ purged: 3, retained: 1, calls: 3 });
    expect((await files.get("default", "old/a")).generation).to.equal(3);
    expect((await files.get("default", "old/a", { generation: 2 })).purgeState).to.equal("purged");
    expect((await files.get("default", "old/b", { generation: 1 })).purgeState).to.equal(undefined);
    const other = { ...old, filter: 'path = "other/*"', pageToken: dry.nextPageToken };
    expect(await catchError(() => purge(other))).to.include({ reason: "PAGE_TOKEN_INVALID" });
  });

  it("goes through pages, each call bounded", async () => {
    const { objects, purge, storeDeleted } = open();
    for (let count = 0; count < 25; count++) await storeDeleted(`old/${String(count).padStart(2, "0")}`);
    let [pageToken, purged, calls] = ["", 0, 0];
    do {
      const result = await purge({ pageSize: 10, pageToken });
      purged += result.purged;
      calls++;
      pageToken = result.nextPageToken;
    } while (pageToken !== "");
    expect([purged, calls]).to.deep.equal([25, 3]);
    expect(objects.keys).to.deep.equal([]);
  });

  it("is safe to repeat when storage failed in the middle", async () => {
    const { objects, purge, storeDeleted } = open();
    for (const name of ["a", "b", "c"]) await storeDeleted(`old/${name}`);
    objects.faults.add("delete", { kind: "lost-answer" });
    const requestId = nextUuid();
    const error = (await catchError(() => purge({ requestId }))) as DomainError;
    expect(error.reason).to.equal("STORAGE_UNAVAILABLE");
    expect(objects.keys).to.deep.equal([]);
    // What was marked is the job's; the others were purged beside it.
    expect(await purge({ requestId })).to.deep.equal(NONE);
  });

  it("refuses what would purge by mistake", async () => {
    const { objects, purge, storeDeleted } = open();
    await storeDeleted("old/a");
    const { nextPageToken } = await (async () => {
      await storeDeleted("old/b");
      return await purge({ pageSize: 1, dryRun: true });
    })();
    const refusals: [Partial<PurgeFilesRequest>, object][] = [
      [{ filter: "" }, { code: "invalid_argument", field: "filter" }],
      [{ filter: "  " }, { code: "invalid_argument", field: "filter" }],
      [{ filter: "no_field = 1" }, { reason: "FILTER_INVALID" }],
      [{ filter: "size_bytes = many" }, { reason: "FILTER_INVALID" }],
      [{ filter: `${"(".repeat(1000)}a${")".repeat(1000)}` }, { reason: "FILTER_INVALID" }],
      [{ pageSize: -1 }, { field: "page_size" }],
      [{ pageToken: "forged" }, { reason: "PAGE_TOKEN_INVALID" }],
      [{ pageToken: nextPageToken, filter: 'path = "other/*"' }, { reason: "PAGE_TOKEN_INVALID" }],
      [{ pageToken: nextPageToken, includeLive: true }, { reason: "PAGE_TOKEN_INVALID" }],
      [{ pageToken: nextPageToken, includeSuperseded: true }, { reason: "PAGE_TOKEN_INVALID" }],
      [{ pageToken: "superseded." }, { reason: "PAGE_TOKEN_INVALID" }],
      [{ pageToken: `superseded.${nextPageToken}`, includeSuperseded: true }, { reason: "PAGE_TOKEN_INVALID" }],
      [{ namespace: "other" }, { reason: "NAMESPACE_NOT_FOUND" }],
      [{ requestId: "" }, { reason: "REQUEST_ID_INVALID" }],
    ];
    for (const [request, refusal] of refusals) expect(await catchError(() => purge(request))).to.include(refusal);
    expect(objects.keys).to.have.lengthOf(2);
  });
});
