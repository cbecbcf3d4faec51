import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { FakeObjectStore } from "../testing/fakes/fake-object-store.ts";
import type { ObjectStoreOperation } from "../testing/fakes/store-faults.ts";
import { type AbilityProbe, probeAbilities } from "./probe-abilities.ts";

describe("probeAbilities", () => {
  let objects: FakeObjectStore;
  let keys = 0;
  beforeEach(() => {
    objects = new FakeObjectStore();
  });
  const probe = async (changes: Partial<AbilityProbe> = {}) =>
    await probeAbilities({
      objects,
      bucket: "bucket",
      createKey: () => `doctor/${++keys}`,
      partMinBytes: 5000,
      put: async (url, headers, bytes) => objects.upload(url, headers, Buffer.from(bytes)),
      ...changes,
    });
  const wellOf = (findings: Awaited<ReturnType<typeof probe>>) =>
    Object.fromEntries(findings.map((probed) => [probed.ability, "done" in probed]));
  const problemOf = (findings: Awaited<ReturnType<typeof probe>>) =>
    findings.flatMap((probed) => ("error" in probed ? [(probed.error as Error).message] : []));

  const all = { "presigned parts": true, "multipart uploads": true, copies: true, deletions: true };

  it("is well where all can be done, and leaves nothing behind", async () => {
    expect(wellOf(await probe())).to.deep.equal(all);
    expect([objects.keys, objects.pendingMultiparts]).to.deep.equal([[], []]);
  });

  const lacking: [ObjectStoreOperation, Partial<typeof all>][] = [
    ["copyObject", { copies: false }],
    ["copyPart", { copies: false }],
    ["delete", { deletions: false }],
  ];
  for (const [operation, changed] of lacking) {
    it(`says that ${operation} is missing, and goes on with the rest`, async () => {
      const error = new DomainError("unimplemented", "storage does not do that", { reason: "STORAGE_UNABLE" });
      objects.faults.add(operation, { kind: "fail", error }, { times: 9 });
      const findings = await probe();
      expect(wellOf(findings)).to.deep.equal({ ...all, ...changed });
      expect(problemOf(findings)).to.deep.equal(["storage does not do that"]);
      expect(objects.pendingMultiparts).to.deep.equal([]);
    });
  }

  it("assembles without presigned parts where these fail, or are listed without a CRC32", async () => {
    const refused = await probe({ put: async () => 501 });
    expect(wellOf(refused)).to.deep.equal({ ...all, "presigned parts": false });
    expect(problemOf(refused)[0]).to.contain("answered 501");
    const unlisted = await probe({ put: async () => 200 });
    expect(problemOf(unlisted)[0]).to.contain("lists no CRC32");
  });

  it("tries deletions though nothing could be assembled, and aborts what it began", async () => {
    objects.faults.add("completeMultipart", { kind: "fail" });
    expect(wellOf(await probe())).to.deep.equal({
      "presigned parts": true,
      "multipart uploads": false,
      deletions: true,
    });
    expect([objects.keys, objects.pendingMultiparts]).to.deep.equal([[], []]);
  });
});
