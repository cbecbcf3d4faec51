import { expect } from "chai";
import { RetryBudget } from "../domain/limits/retry-budget.ts";
import { settle } from "../testing/fakes/settle.ts";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { request, type S3Access } from "./access.ts";
import { S3ResponseError } from "./requests/body-requests.ts";
import { createRequestSlots } from "./requests/request-slots.ts";
import { inRequestSpan } from "./requests/request-span.ts";

const RETRY = { triesMax: 3, baseDelayMs: 60_000, delayMaxMs: 60_000, timeMaxMs: 600_000, random: () => 1 };

describe("request", () => {
  const metrics = useCollectedMetrics();
  const open = (closing: AbortSignal) => {
    const breakers: S3Access["breakers"] = (_, send) => send();
    const slots = createRequestSlots({ body: 1, control: 1, read: 1, copy: 1, probe: 1 });
    const retries = new RetryBudget({ share: 1, reserveMax: 10 });
    return { body: { retry: RETRY, retries }, slots, breakers, closing } as Partial<S3Access> as S3Access;
  };
  const slowDown = new S3ResponseError("SlowDown", 503);
  /** The outcome of a request that always fails with this error; `begun` follows its first try. */
  const fail = (access: S3Access, error: unknown, signal?: AbortSignal) => {
    const begun = Promise.withResolvers<void>();
    const send = async () => {
      begun.resolve();
      throw error;
    };
    const ended = request(access, { operation: "control", what: "listing", signal, send }).catch((caught) => caught);
    return { begun: begun.promise, ended };
  };

  it("is not tried again when the process stops, and can be elsewhere", async () => {
    const stopping = new AbortController();
    const { begun, ended } = fail(open(stopping.signal), slowDown);
    await begun;
    stopping.abort(new Error("the service stops"));
    expect(await ended).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000 });
    const { ended: late } = fail(open(stopping.signal), slowDown);
    expect(await late).to.include({ reason: "STORAGE_UNAVAILABLE" });
  });

  it("ends with the reason of its caller's signal", async () => {
    const caller = new AbortController();
    const { begun, ended } = fail(open(new AbortController().signal), slowDown, caller.signal);
    await begun;
    const reason = new Error("gone");
    caller.abort(reason);
    expect(await ended).to.equal(reason);
  });

  it("ends with a defect of ours as it is", async () => {
    const defect = new TypeError("a bug");
    expect(await fail(open(new AbortController().signal), defect).ended).to.equal(defect);
  });

  it("waits for a slot of its class, which no other class can take, before its breaker hears of it", async () => {
    const access = open(new AbortController().signal);
    const heard: string[] = [];
    access.breakers = (operation, send) => {
      heard.push(operation);
      return send();
    };
    const copies = Promise.withResolvers<string>();
    const copying = request(access, { operation: "copy", what: "copying", send: () => copies.promise });
    const waiting = request(access, { operation: "copy", what: "copying", send: async () => "second" });
    const probing = request(access, { operation: "probe", what: "bucket b", send: async () => "well" });
    expect(await probing).to.equal("well");
    await settle();
    expect(heard).to.deep.equal(["copy", "probe"]);
    copies.resolve("first");
    expect(await Promise.all([copying, waiting])).to.deep.equal(["first", "second"]);
    expect(heard).to.deep.equal(["copy", "probe", "copy"]);
  });

  it("counts the tries that follow one that has failed, by the request and its error", async () => {
    const access = open(new AbortController().signal);
    access.body.retry = { ...RETRY, baseDelayMs: 0, delayMaxMs: 0 };
    const fails = async () => {
      throw slowDown;
    };
    const send = () => inRequestSpan("ListParts", { bucket: "bucket" }, fails);
    await request(access, { operation: "control", what: "listing", send }).catch(() => {});
    const labels = { "rpc.method": "S3/ListParts", "error.type": "SlowDown" };
    expect(await metrics.read("sluice.s3.retries")).to.deep.equal([[RETRY.triesMax - 1, labels]]);
    expect((await metrics.read("sluice.s3.request.duration"))[0]?.[1]).to.deep.equal(labels);
  });
});
