import { expect } from "chai";
import { newUpload, nextIdentity } from "../../testing/rigs/database/repository-subject.ts";
import { BENCH_PART_BYTES, createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { signParts } from "./sign-parts.ts";

describe("signParts", () => {
  /** Signs a part where the bucket takes URLs for `lifetimeMaxMs`; resolves to how long the URL works, in milliseconds. */
  async function signFor(lifetimeMaxMs: number, lifetimeMs?: number): Promise<number> {
    const bench = createBench();
    const access = { ...bench.access, namespaces: sampleNamespaces({ partUrlLifetimeMaxMs: lifetimeMaxMs }) };
    const input = newUpload({ partSizeBytes: BENCH_PART_BYTES, sizeBytes: BENCH_PART_BYTES });
    const { uploadId } = (await access.uploads.catalogue.create(input, nextIdentity())).upload;
    const parts = [{ partNumber: 1, sizeBytes: BENCH_PART_BYTES, crc32: 1 }];
    const request = { namespace: "default", uploadId, parts, lifetimeMs };
    const { parts: signed } = await signParts(access, request, { caller: SAMPLE_CALLER });
    return Number(new URL(signed[0]?.url ?? "").searchParams.get("X-Amz-Expires"));
  }

  it("signs for 15 minutes where nothing is said, and for no longer than the namespace lets a URL live", async () => {
    expect(await signFor(3_600_000)).to.equal(900_000);
    expect(await signFor(60_000)).to.equal(60_000);
    expect(await signFor(60_000, 60_000)).to.equal(60_000);
  });

  it("refuses a longer life than the namespace has for a URL", async () => {
    const error = await signFor(60_000, 61_000).catch((reason: unknown) => reason);
    expect(error).to.be.an("error").with.property("message", "lifetime is 61 s; send whole seconds from 1 to 60");
  });
});
