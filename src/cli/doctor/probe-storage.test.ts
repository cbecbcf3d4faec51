import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { probeStorage } from "./probe-storage.ts";

const namespace = { ...[...sampleNamespaces({ bucket: "bucket" }).values()][0]!, asked: "sse-s3" as const };

/** A refusal by S3, as the adapter reports it. */
function refusal(name: string): DomainError {
  const cause = Object.assign(new Error("refused"), { name });
  return new DomainError("unavailable", "storage refuses", { reason: "STORAGE_UNAVAILABLE", cause });
}

describe("probeStorage", () => {
  let objects: FakeObjectStore;
  beforeEach(() => {
    objects = new FakeObjectStore();
  });
  const probe = async (encryption: string | undefined = "AES256") =>
    await probeStorage({ objects, downloads: objects, readEncryption: async () => encryption }, namespace);

  it("is well where an object can be written, read and deleted, and is encrypted by SSE-S3", async () => {
    expect(await probe()).to.include({ check: "objects", isOk: true });
    expect(objects.keys).to.deep.equal([]);
  });

  for (const [operation, right] of [
    ["put", "s3:PutObject"],
    ["read", "s3:GetObject "],
    ["delete", "s3:DeleteObject "],
  ] as const) {
    it(`says which right is missing when ${operation} is denied, and leaves nothing that it may delete`, async () => {
      objects.faults.add(operation, { kind: "fail", error: refusal("AccessDenied") });
      const { isOk, message, mend } = await probe();
      expect(isOk).to.equal(false);
      expect(message).to.contain(`objects of bucket ${namespace.bucket}`);
      expect(mend).to.contain(right);
      if (operation === "read") expect(objects.keys).to.deep.equal([]);
    });
  }

  it("advises about trailers where a write fails otherwise", async () => {
    objects.faults.add("put", { kind: "fail", error: refusal("NotImplemented") });
    const { message, mend } = await probe();
    expect(message).to.contain("could not be written").and.to.contain("(NotImplemented)");
    expect(mend).to.contain("SLUICE_S3_TRAILERS=off");
  });

  it("says that objects are encrypted in another way, or in none", async () => {
    expect((await probe("aws:kms")).message).to.contain("encrypted by aws:kms, though SSE-S3");
    const finding = await probeStorage(
      { objects, downloads: objects, readEncryption: async () => undefined },
      namespace,
    );
    expect(finding.message).to.contain("without saying that they are encrypted");
    expect(objects.keys).to.deep.equal([]);
  });

  it("takes whatever the bucket's default is, where the service leaves encryption to it", async () => {
    const probeBucket = (encryption: string | undefined) =>
      probeStorage(
        { objects, downloads: objects, readEncryption: async () => encryption },
        { ...namespace, asked: "bucket" },
      );
    const finding = await probeBucket("aws:kms");
    expect(finding).to.include({ isOk: true });
    expect(finding.message).to.contain("encrypted by the bucket's default, aws:kms");
    expect(await probeBucket("AES256")).to.include({ isOk: true });
    const bare = await probeBucket(undefined);
    expect(bare).to.include({ isOk: false });
    expect(bare.message).to.contain("though the bucket's default is relied on");
  });
});
