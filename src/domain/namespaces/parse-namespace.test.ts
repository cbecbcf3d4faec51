import { expect } from "chai";
import { catchError, sampleNamespace } from "../../testing/samples/sample-records.ts";
import type { Namespace } from "./namespace.ts";
import { completePolicy, parseNamespace, parsePolicy } from "./parse-namespace.ts";

const DAY_MS = 86_400_000;

describe("parseNamespace", () => {
  it("takes what is within the bounds", () => {
    const smallest: Partial<Namespace> = { name: "a", bucket: "abc", region: "us-east-1", keyPrefix: "" };
    const wide: Partial<Namespace> = {
      name: "9".padEnd(63, "-"),
      bucket: "b".repeat(63),
      keyPrefix: `${"p".repeat(511)}/`,
      fileSizeMaxBytes: 10_000 * 5 * 2 ** 30,
      retentionMs: 36_500 * DAY_MS,
      retainDefaultMs: 36_500 * DAY_MS,
      downloadUrlLifetimeMaxMs: 7 * DAY_MS,
      partUrlLifetimeMaxMs: 3_600_000,
      linkLifetimeMaxMs: 365 * DAY_MS,
    };
    for (const values of [{ ...smallest, allowedRegions: ["us-east-1"] }, wide])
      expect(parseNamespace(sampleNamespace(values))).to.deep.equal(sampleNamespace(values));
  });

  it("takes quotas within their bounds, and says of others what would be right", () => {
    const quotas = { requestsPerSecondMax: 1, bytesPerDayMax: 0, principalStoredBytesMax: Number.MAX_SAFE_INTEGER };
    expect(parseNamespace(sampleNamespace(quotas))).to.deep.equal(sampleNamespace(quotas));
    const wrong = { requestsPerSecondMax: 0, principalRequestsPerSecondMax: 1_000_001, storedBytesMax: -1 };
    const refuse = () => parseNamespace(sampleNamespace(wrong));
    expect(refuse).to.throw("requests_per_second_max is 0; give 1 to 1000000, or leave it unset for no quota");
    expect(refuse).to.throw("principal_requests_per_second_max is 1000001");
    expect(refuse).to.throw("stored_bytes_max is -1; give 0 to");
  });

  it("names each allowed region once, and the own one where none is named", () => {
    const allowed = (allowedRegions: string[]) => parseNamespace(sampleNamespace({ allowedRegions })).allowedRegions;
    expect(allowed([])).to.deep.equal(["eu-central-1"]);
    expect(allowed(["eu-west-1", "eu-central-1", "eu-west-1"])).to.deep.equal(["eu-west-1", "eu-central-1"]);
  });

  for (const [values, says] of [
    [{ name: "" }, 'name is ""'],
    [{ name: "-a" }, 'name is "-a"'],
    [{ name: "A" }, 'name is "A"'],
    [{ name: "a".repeat(64) }, "1 to 63"],
    [{ name: "a/b" }, 'name is "a/b"'],
    [{ name: "a\u0000" }, "name is"],
    [{ bucket: "ab" }, 'bucket is "ab"'],
    [{ bucket: "My-Bucket" }, "bucket is"],
    [{ region: "frankfurt" }, 'region is "frankfurt"'],
    [{ keyPrefix: "a" }, 'key_prefix is "a"'],
    [{ keyPrefix: "/" }, 'key_prefix is "/"'],
    [{ keyPrefix: "a//" }, "key_prefix is"],
    [{ keyPrefix: `${"p".repeat(512)}/` }, "512 characters"],
    [{ allowedRegions: ["eu-central-1", "nowhere"] }, 'allowed_regions names "nowhere"'],
    [
      { allowedRegions: Array.from({ length: 51 }, (_, index) => `eu-${"x".repeat(index + 1)}-1`) },
      "51 regions; the limit is 50",
    ],
    [{ fileSizeMaxBytes: 0 }, "file_size_max_bytes is 0 bytes"],
    [{ fileSizeMaxBytes: 10_000 * 5 * 2 ** 30 + 1 }, "file_size_max_bytes"],
    [{ retentionMs: DAY_MS - 1 }, "retention is 86399999 milliseconds"],
    [{ retainDefaultMs: -1 }, "retain_default is -1"],
    [{ downloadUrlLifetimeMaxMs: 7 * DAY_MS + 1 }, "download_url_lifetime_max"],
    [{ partUrlLifetimeMaxMs: 3_600_001 }, "part_url_lifetime_max"],
    [{ linkLifetimeMaxMs: 1000.5 }, "link_lifetime_max is 1000.5"],
  ] as [Partial<Namespace>, string][]) {
    it(`refuses ${JSON.stringify(values).slice(0, 60)}`, async () => {
      const error = await catchError(() => parseNamespace(sampleNamespace(values)));
      expect(error).to.include({ code: "invalid_argument", reason: "ARGUMENT_INVALID" });
      expect(error).to.have.property("message").that.contains(says);
    });
  }

  it("says all problems at once", async () => {
    const error = await catchError(() => parseNamespace(sampleNamespace({ name: "A", bucket: "B", retentionMs: 0 })));
    expect(error)
      .to.have.property("message")
      .that.matches(/name is .*; bucket is .*; retention is /);
  });

  it("refuses a bucket in a region that is not allowed, as what residency forbids", async () => {
    const error = await catchError(() => parseNamespace(sampleNamespace({ allowedRegions: ["eu-west-1"] })));
    expect(error).to.include({ code: "failed_precondition", reason: "RESIDENCY_VIOLATION" });
  });
});

describe("completePolicy", () => {
  const defaults = sampleNamespace();

  it("takes the values of the service where none are stated", () => {
    const completed = completePolicy({ retentionMs: DAY_MS, retainDefaultMs: undefined }, defaults);
    const { name, bucket, region, keyPrefix, ...policy } = defaults;
    expect(completed).to.deep.equal({ ...policy, allowedRegions: [], retentionMs: DAY_MS });
    expect(parsePolicy(completed, { region }).allowedRegions).to.deep.equal([region]);
  });

  it("keeps a stated 0", () => {
    expect(completePolicy({ retainDefaultMs: 0 }, { ...defaults, retainDefaultMs: 5 }).retainDefaultMs).to.equal(0);
  });
});
