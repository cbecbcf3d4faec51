import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { NewEntry, RecordOptions } from "../domain/journal/new-entry.ts";
import { catchError, SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import type { Authenticator } from "./authenticator.ts";
import { recordFailures } from "./record-failures.ts";

const TIME = new Date("2026-11-30T12:00:00Z");

function createRecorded(authenticate: Authenticator) {
  const recorded: [NewEntry, RecordOptions][] = [];
  const record = (entry: NewEntry, options: RecordOptions) => void recorded.push([entry, options]);
  const recording = recordFailures(authenticate, { record, trustedProxies: 1, now: () => TIME });
  const header = (name: string) => (name === "x-forwarded-for" ? "made up, 192.0.2.9" : "a secret");
  return { recorded, call: () => recording(header, "10.0.0.1") };
}

describe("recordFailures", () => {
  it("records in the journal of the service from where nobody knows who called, and nothing that was sent", async () => {
    const refusal = new DomainError("unauthenticated", "no", { reason: "TOKEN_INVALID" });
    const { recorded, call } = createRecorded(() => Promise.reject(refusal));
    expect(await catchError(call)).to.equal(refusal);
    const actor = { principal: "", tokenKind: "none", address: "192.0.2.9" };
    expect(recorded).to.deep.equal([
      [
        {
          ...{ namespace: "", action: "Authenticate", outcome: "TOKEN_INVALID", resource: { kind: "service" }, actor },
          ...{ path: "", dataSubject: "", time: TIME, times: 1 },
        },
        { isSummed: true, isRequired: false },
      ],
    ]);
    expect(JSON.stringify(recorded)).to.not.include("secret");
  });

  it("records neither callers nor failures of our own", async () => {
    const known = createRecorded(async () => SAMPLE_CALLER);
    expect(await known.call()).to.equal(SAMPLE_CALLER);
    const away = createRecorded(() =>
      Promise.reject(new DomainError("unavailable", "", { reason: "ISSUER_UNAVAILABLE" })),
    );
    await catchError(away.call);
    expect([...known.recorded, ...away.recorded]).to.deep.equal([]);
  });
});
