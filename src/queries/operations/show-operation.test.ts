import { expect } from "chai";
import { WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { showOperation } from "./show-operation.ts";

const NOW_MS = Date.UTC(2026, 10, 30, 12);
const LIFETIME_MS = 900_000;

describe("showOperation", () => {
  const open = ({ madeOf = WHOLE_NAMESPACE, sees = WHOLE_NAMESPACE, keptMs = 86_400_000 } = {}) => {
    const objects = new FakeObjectStore({ now: () => NOW_MS });
    objects.overwrite("bucket", "exports/audit/a.ndjson.gz", Buffer.from("entries"));
    const regions = new BucketRegions();
    const access = {
      ...{ downloads: objects, regions, namespaces: sampleNamespaces({ bucket: "bucket" }) },
      ...{ auditScope: () => sees, now: () => new Date(NOW_MS + 500) },
    };
    const operation: Operation<"auditExport"> = {
      ...{ operationId: "1", namespace: "default", requestId: "2", caller: SAMPLE_CALLER, kind: "auditExport" },
      ...{ createTime: new Date(0), beginTime: new Date(0), cancelTime: undefined, endTime: new Date(0) },
      ...{ cursor: "", revision: 3, error: undefined },
      request: { filter: "", afterSequence: 0 },
      progress: { sequence: 7, count: 2 },
      response: {
        ...{ bucket: "bucket", region: "eu-central-1", key: "exports/audit/a.ndjson.gz", scope: madeOf },
        ...{ sizeBytes: 7, count: 2, lastSequence: 7, expireTimeMs: NOW_MS + keptMs },
      },
    };
    const show = (shown: Operation = operation) => showOperation(access, shown, { caller: SAMPLE_CALLER });
    return { objects, regions, operation, show };
  };

  it("signs a URL of the object for whoever may audit all that it was made of", async () => {
    for (const scopes of [{}, { madeOf: ["a/b/", "c/"], sees: ["a/", "c/"] }]) {
      const { objects, show } = open(scopes);
      const { download } = await show();
      expect(download?.expireTime.getTime()).to.equal(NOW_MS + LIFETIME_MS);
      expect(objects.download(download?.url ?? "")).to.deep.include({
        bytes: Buffer.from("entries"),
        contentDisposition: 'attachment; filename="audit-default-7.ndjson.gz"',
      });
    }
  });

  it("signs none for whoever may audit less than that, or nothing", async () => {
    const others = [{ sees: ["a/"] }, { madeOf: ["a/", "b/"], sees: ["a/"] }, { sees: [] }, { madeOf: [], sees: [] }];
    for (const scopes of others) expect(await open(scopes).show()).to.not.have.property("download");
  });

  it("signs none that would outlast the object", async () => {
    const { download } = await open({ keptMs: 60_900 }).show();
    expect(download?.expireTime.getTime()).to.equal(NOW_MS + 60_000);
    for (const keptMs of [-1000, 0, 900]) expect(await open({ keptMs }).show()).to.not.have.property("download");
  });

  it("signs none for an object that lies where the namespace does not allow it", async () => {
    const { regions, show } = open();
    regions.note("bucket", { region: "us-east-1", readTime: new Date(NOW_MS) });
    expect(await show()).to.not.have.property("download");
  });

  it("shows an operation that has made no object as it is", async () => {
    const { operation, show } = open();
    const working: Operation = { ...operation, response: undefined };
    expect(await show(working)).to.equal(working);
  });
});
