import { expect } from "chai";
import { WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import { DomainError } from "../../domain/errors.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { withinScope } from "../../queries/within-scope.ts";
import { nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { createStoredFiles } from "../../testing/rigs/uploads/stored-files.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { createPurgeWorker } from "./purge-worker.ts";

describe("createPurgeWorker", () => {
  const open = ({ filter = 'path = "old/*"', includeLive = false } = {}) => {
    const { files, objects, store, storeDeleted } = createStoredFiles();
    const right = { scope: WHOLE_NAMESPACE as readonly string[] };
    const worker = createPurgeWorker({
      files,
      listsOf: (scope) => withinScope(files, scope),
      objects,
      namespaces: sampleNamespaces({ bucket: "bucket" }),
      admit: async () => {
        if (right.scope.length === 0)
          throw new DomainError("permission_denied", "no more", { reason: "PERMISSION_DENIED" });
        return { scopeNow: () => right.scope };
      },
    });
    const operation: Operation<"purge"> = {
      ...{ operationId: nextUuid(), namespace: "default", requestId: nextUuid(), caller: SAMPLE_CALLER, kind: "purge" },
      ...{ createTime: new Date(0), beginTime: new Date(0), cancelTime: undefined, endTime: undefined },
      ...{ cursor: "", revision: 0, error: undefined, response: undefined },
      request: { filter, includeLive, includeSuperseded: false },
      progress: { matched: 0, purged: 0, retained: 0 },
    };
    const step = () => worker.step(operation, { signal: new AbortController().signal });
    /** Saves the step, as the run of operations does. */
    const save = ({ progress, ...rest }: Awaited<ReturnType<typeof step>>) => {
      operation.progress = progress;
      if ("cursor" in rest) operation.cursor = rest.cursor;
      else operation.response = rest.response;
    };
    const finish = async () => {
      while (operation.response === undefined) save(await step());
      return operation.response;
    };
    return { operation, objects, right, store, storeDeleted, step, save, finish };
  };

  it("purges all that is deleted and matches, over pages, and nothing else", async () => {
    const { objects, store, storeDeleted, finish } = open();
    for (let index = 0; index < 230; index++) await storeDeleted(`old/${index}`);
    await store("old/live");
    await storeDeleted("new/a");
    expect(await finish()).to.deep.equal({ matched: 230, purged: 230, retained: 0 });
    expect(objects.keys).to.have.lengthOf(2);
  });

  it("purges live files as well where that is asked for", async () => {
    const { objects, store, storeDeleted, finish } = open({ includeLive: true });
    await storeDeleted("old/a");
    await store("old/live");
    expect(await finish()).to.deep.equal({ matched: 2, purged: 2, retained: 0 });
    expect(objects.keys).to.deep.equal([]);
  });

  it("counts a file once whose step was cut and made again", async () => {
    const { storeDeleted, step, save, finish } = open();
    for (const path of ["old/a", "old/b"]) await storeDeleted(path);
    save(await step());
    // This step is lost: what it did is not.
    await step();
    expect(await finish()).to.deep.equal({ matched: 2, purged: 2, retained: 0 });
  });

  it("stays within what its starter may purge at the moment, and ends with their right", async () => {
    const { right, objects, storeDeleted, step, save } = open({ filter: 'path = "*"' });
    await storeDeleted("own/a");
    await storeDeleted("own/b");
    await storeDeleted("others/a");
    right.scope = ["own/"];
    save(await step());
    right.scope = [];
    expect(await catchError(step)).to.include({ reason: "PERMISSION_DENIED" });
    right.scope = ["own/"];
    expect(await step())
      .to.have.property("response")
      .that.deep.equals({ matched: 2, purged: 2, retained: 0 });
    expect(objects.keys).to.have.lengthOf(1);
  });

  it("ends at once where nothing matches", async () => {
    expect(await open().finish()).to.deep.equal({ matched: 0, purged: 0, retained: 0 });
  });
});
