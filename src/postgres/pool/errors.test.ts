import { expect } from "chai";
import { BackendTerminatedError, ConnectionError, UniqueIntegrityConstraintViolationError } from "slonik";
import { DomainError } from "../../domain/errors.ts";
import { settle } from "../../testing/fakes/settle.ts";
import { BorderCall } from "./border-call.ts";
import { atBorder, toDomainError, violates } from "./errors.ts";

describe("toDomainError", () => {
  const withCode = (code: string) => Object.assign(new Error("vendor's words"), { code });

  it("takes lost, refused and overloaded connections for an unavailable database", () => {
    const causes = [
      new ConnectionError("refused"),
      new BackendTerminatedError(new Error("57P01")),
      ...["08006", "53300", "57P03", "40P01", "25006", "55P03", "ECONNREFUSED", "ETIMEDOUT", "EPIPE"].map(withCode),
    ];
    for (const cause of causes) {
      const error = toDomainError(cause);
      expect(error).to.be.instanceOf(DomainError);
      expect(error).to.include({ code: "unavailable", reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1_000, cause });
      expect(error).to.have.property("message").that.does.not.include("vendor");
    }
  });

  it("says that the disk is full, and does not take that for an outage", () => {
    const cause = withCode("53100");
    const error = toDomainError(cause);
    expect(error).to.include({ code: "unavailable", reason: "DATABASE_FULL", retryAfterMs: 60_000, cause });
    expect(error).to.have.property("message").that.includes("full").and.does.not.include("vendor");
  });

  it("leaves alone what is no question of availability", () => {
    for (const error of [withCode("23505"), withCode("42601"), new TypeError("ours"), "text"]) {
      expect(toDomainError(error)).to.equal(error);
    }
    const domain = new DomainError("not_found", "gone", { reason: "FILE_NOT_FOUND" });
    expect(toDomainError(domain)).to.equal(domain);
  });
});

describe("violates", () => {
  it("knows a constraint by its name", () => {
    const cause = Object.assign(new Error("duplicate"), { constraint: "file_live_path", code: "23505" });
    const error = new UniqueIntegrityConstraintViolationError(cause as never);
    expect(violates(error, "file_live_path")).to.equal(true);
    expect(violates(error, "upload_pkey")).to.equal(false);
    const divided = Object.assign(new Error("duplicate"), { constraint: "file_live_path_p13", code: "23505" });
    expect(violates(divided, "file_live_path")).to.equal(true);
    expect(violates(new Error("file_live_path"), "file_live_path")).to.equal(false);
  });
});

describe("atBorder", () => {
  it("translates what the methods throw", async () => {
    const methods = atBorder({ call: () => Promise.reject(new ConnectionError("refused")) }, { deadlineMs: 1_000 });
    const error = await methods.call().catch((refusal: unknown) => refusal);
    expect(error).to.have.property("reason", "DATABASE_UNAVAILABLE");
  });

  it("ends a call that gets no answer at its deadline", async () => {
    const methods = atBorder({ call: () => new Promise<never>(() => undefined) }, { deadlineMs: 5 });
    const error = await methods.call().catch((refusal: unknown) => refusal);
    expect(error).to.have.property("reason", "DATABASE_UNAVAILABLE");
  });

  it("refuses calls when too many are under way", async () => {
    const gate = Promise.withResolvers<string>();
    const methods = atBorder({ call: () => gate.promise }, { callsMax: 2 });
    const calls = [methods.call(), methods.call()];
    const refused = await methods.call().catch((refusal: unknown) => refusal);
    expect(refused).to.have.property("reason", "DATABASE_UNAVAILABLE");
    gate.resolve("done");
    expect(await Promise.all(calls)).to.deep.equal(["done", "done"]);
    expect(await methods.call()).to.equal("done");
  });

  it("counts a call that was given up until its work has ended", async () => {
    const gate = Promise.withResolvers<string>();
    const methods = atBorder({ call: () => gate.promise, other: async () => "done" }, { deadlineMs: 5, callsMax: 1 });
    const refusalOf = (work: Promise<unknown>) => work.catch((refusal: unknown) => refusal);
    expect(await refusalOf(methods.call())).to.have.property("reason", "DATABASE_UNAVAILABLE");
    expect(await refusalOf(methods.other())).to.have.nested.property("cause.message", "1 calls are under way");
    gate.resolve("late");
    await settle();
    expect(await methods.other()).to.equal("done");
  });

  it("cuts what is under way for a call that is given up, and tells what is begun later", async () => {
    const cut = Promise.withResolvers<never>();
    const late = Promise.withResolvers<BorderCall | undefined>();
    const methods = atBorder(
      {
        call: async () => {
          BorderCall.current?.begin(() => cut.reject(new Error("cut")));
          BorderCall.current?.begin(() => expect.fail("it was answered"))();
          await cut.promise.catch(() => late.resolve(BorderCall.current));
        },
      },
      { deadlineMs: 5 },
    );
    await methods.call().catch(() => undefined);
    expect((await late.promise)?.cause?.message).to.include("within 5 ms");
  });

  it("gives parameters and answers through", async () => {
    const methods = atBorder({ add: async (a: number, b: number) => a + b }, { deadlineMs: 1_000 });
    expect(await methods.add(1, 2)).to.equal(3);
  });
});
