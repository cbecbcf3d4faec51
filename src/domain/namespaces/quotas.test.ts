import { expect } from "chai";
import { findQuotaRefusal, type QuotaUse, requestsExceeded } from "./quotas.ts";

const use: QuotaUse = {
  namespace: "media",
  principal: "github:acme",
  quotas: { storedBytesMax: 100, principalStoredBytesMax: 60, bytesPerDayMax: 50, principalBytesPerDayMax: 30 },
  used: { storedBytes: 70, dayBytes: 20 },
  usedByPrincipal: { storedBytes: 20, dayBytes: 20 },
  dayLeftMs: 1500,
};

describe("findQuotaRefusal", () => {
  it("lets in what fits exactly", () => {
    expect(findQuotaRefusal(use, { storedBytes: 30, dayBytes: 10 })).to.equal(undefined);
    expect(findQuotaRefusal({ ...use, quotas: {} }, { storedBytes: 1e15, dayBytes: 1e15 })).to.equal(undefined);
  });

  it("refuses nothing that uses nothing, also where a quota is passed", () => {
    const passed = { ...use, quotas: { storedBytesMax: 10, bytesPerDayMax: 10 } };
    expect(findQuotaRefusal(passed, {})).to.equal(undefined);
    expect(findQuotaRefusal(passed, { storedBytes: 0, dayBytes: 0 })).to.equal(undefined);
    expect(findQuotaRefusal(passed, { dayBytes: 1 })?.reason).to.equal("QUOTA_BYTES_PER_DAY");
  });

  it("names the quota, what is used and what was wanted, and no time after which storage would be free", () => {
    const refusal = findQuotaRefusal(use, { storedBytes: 31, dayBytes: 31 });
    expect(refusal).to.deep.include({ code: "resource_exhausted", reason: "QUOTA_STORAGE", retryAfterMs: undefined });
    expect(refusal?.message).to.equal(
      "namespace media may keep 100 bytes and keeps 70; 31 more do not fit. Purge files that nobody needs, or ask an admin of the namespace for more",
    );
    expect(refusal?.details).to.deep.equal({
      namespace: "media",
      quota: "stored_bytes_max",
      quota_max: 100,
      used_bytes: 70,
      wanted_bytes: 31,
    });
  });

  it("says when the day ends to whom the next day has room for", () => {
    const refusal = findQuotaRefusal(use, { dayBytes: 11 });
    expect(refusal).to.deep.include({ reason: "QUOTA_BYTES_PER_DAY", retryAfterMs: 1500 });
    expect(refusal?.message).to.include(
      "github:acme, in namespace media, may upload 30 bytes a day and has uploaded 20",
    );
    expect(refusal?.message).to.include("at the next midnight in UTC, in 2 s");
    expect(refusal?.details).to.include({ principal: "github:acme", quota: "principal_bytes_per_day_max" });
    const never = findQuotaRefusal(use, { dayBytes: 51 });
    expect(never?.retryAfterMs).to.equal(undefined);
    expect(never?.message).to.include("no day has room for them");
  });
});

describe("requestsExceeded", () => {
  it("names whose quota it is, and says when the next request may come", () => {
    const refusal = requestsExceeded(use, { key: "requestsPerSecondMax", max: 5, retryAfterMs: 200 });
    expect(refusal).to.deep.include({ code: "resource_exhausted", reason: "QUOTA_REQUESTS", retryAfterMs: 200 });
    expect(refusal.details).to.deep.equal({ namespace: "media", quota: "requests_per_second_max", quota_max: 5 });
  });
});
