import { expect } from "chai";
import { FakeNamespaceRepository } from "../../testing/fakes/fake-namespace-repository.ts";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { SAMPLE_CALLER, sampleNamespace } from "../../testing/samples/sample-records.ts";
import { createNamespace } from "./create-namespace.ts";
import { deleteNamespace } from "./delete-namespace.ts";
import { setGrants } from "./set-grants.ts";
import { updateNamespace } from "./update-namespace.ts";

const OPTIONS = { caller: SAMPLE_CALLER };
const WANTED = { name: "legal", bucket: "my-files", region: "eu-central-1", keyPrefix: undefined };

describe("the commands on namespaces", () => {
  let repository: FakeNamespaceRepository;
  let deps: Parameters<typeof createNamespace>[0] & { repository: FakeNamespaceRepository };
  /** Versions that memory had caught up with when a command ended. */
  let remembered: number[];
  beforeEach(() => {
    repository = new FakeNamespaceRepository();
    remembered = [];
    const catchUp = async () => void remembered.push((await repository.listChanged(0)).at(-1)?.version ?? 0);
    deps = { repository, memory: { catchUp }, defaults: sampleNamespace({ retainDefaultMs: 1000 }) };
  });

  it("make a namespace with the limits of the service, and again when repeated", async () => {
    const record = await createNamespace(deps, { ...WANTED, retentionMs: 86_400_000 }, OPTIONS);
    const stated = { name: "legal", bucket: "my-files", keyPrefix: "legal/", retentionMs: 86_400_000 };
    expect(record).to.deep.include({ ...sampleNamespace({ ...stated, retainDefaultMs: 1000 }), grants: [] });
    expect(await createNamespace(deps, { ...WANTED, retentionMs: 86_400_000 }, OPTIONS)).to.equal(record);
    expect(remembered).to.deep.equal([1, 1]);
  });

  it("make none whose values are wrong", async () => {
    await expectRefusal(createNamespace(deps, { ...WANTED, name: "" }, OPTIONS), "ARGUMENT_INVALID");
    await expectRefusal(
      createNamespace(deps, { ...WANTED, allowedRegions: ["eu-west-1"] }, OPTIONS),
      "RESIDENCY_VIOLATION",
    );
    expect([await repository.listChanged(0), remembered]).to.deep.equal([[], []]);
  });

  it("change what the mask names, and tell memory", async () => {
    const { retentionMs, ...made } = await createNamespace(deps, WANTED, OPTIONS);
    const policy = { retentionMs: 2 * 86_400_000, fileSizeMaxBytes: 1 };
    const change = (updateMask: string[], etag = "") =>
      updateNamespace(deps, { namespace: "legal", policy, updateMask, etag }, OPTIONS);
    const updated = await change(["retention"], "1");
    expect(updated).to.include({ retentionMs: 2 * 86_400_000, fileSizeMaxBytes: made.fileSizeMaxBytes });
    expect(await change(["*"])).to.include({ fileSizeMaxBytes: 1, retainDefaultMs: 1000 });
    expect(remembered).to.deep.equal([1, 2, 3]);
    await expectRefusal(change(["retention"], "1"), "ETAG_MISMATCH");
    for (const mask of [[], ["bucket"], ["key_prefix"], ["retention", "region"], ["__proto__"]])
      await expectRefusal(change(mask), "ARGUMENT_INVALID");
  });

  it("refuse limits that are out of bounds, and leave the namespace as it is", async () => {
    const made = await createNamespace(deps, WANTED, OPTIONS);
    const change = { namespace: "legal", policy: { retentionMs: 1 }, updateMask: ["retention"], etag: "" };
    await expectRefusal(updateNamespace(deps, change, OPTIONS), "ARGUMENT_INVALID");
    const elsewhere = { ...change, policy: { allowedRegions: ["eu-west-1"] }, updateMask: ["allowed_regions"] };
    await expectRefusal(updateNamespace(deps, elsewhere, OPTIONS), "RESIDENCY_VIOLATION");
    expect(await repository.listChanged(0)).to.deep.equal([made]);
  });

  it("replace grants, checked and merged", async () => {
    await createNamespace(deps, WANTED, OPTIONS);
    const grant = { member: { group: "entra:tax" }, roles: ["reader"], prefixes: ["a/b/", "a/"] } as const;
    const { grants } = await setGrants(deps, { namespace: "legal", grants: [grant], etag: "1" }, OPTIONS);
    expect(grants).to.deep.equal([{ ...grant, prefixes: ["a/"] }]);
    const wrong = { ...grant, prefixes: ["a"] };
    const again = (values: object) =>
      setGrants(deps, { namespace: "legal", grants: [grant], etag: "", ...values }, OPTIONS);
    await expectRefusal(again({ grants: [wrong] }), "GRANT_INVALID");
    await expectRefusal(again({ etag: "1" }), "ETAG_MISMATCH");
    await expectRefusal(again({ etag: "one" }), "ARGUMENT_INVALID");
    expect(remembered).to.deep.equal([1, 2]);
  });

  it("delete a namespace for good", async () => {
    await createNamespace(deps, WANTED, OPTIONS);
    await expectRefusal(deleteNamespace(deps, { namespace: "legal", etag: "9" }, OPTIONS), "ETAG_MISMATCH");
    await deleteNamespace(deps, { namespace: "legal", etag: "1" }, OPTIONS);
    await expectRefusal(createNamespace(deps, WANTED, OPTIONS), "NAMESPACE_EXISTS");
    await expectRefusal(deleteNamespace(deps, { namespace: "legal", etag: "" }, OPTIONS), "NAMESPACE_NOT_FOUND");
  });
});
