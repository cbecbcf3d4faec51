import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { type GenerateRequest, generateFromSettings } from "./generate-from-settings.ts";
import { createGenerator, GENERATION_LIMITS } from "./generate-on-thread.ts";

const SETTINGS = 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n';
const PLAIN: GenerateRequest = {
  settings: SETTINGS,
  services: [],
  allServices: false,
  minimal: false,
  format: "cloudformation",
};
const FOR_EVER: GenerateRequest = { ...PLAIN, settings: "for ever" };

/** A thread that never ends by itself, unless the settings ask for that. */
const SCRIPTED = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from "node:worker_threads";
    const { settings } = workerData;
    if (settings === "fail") throw new TypeError("a defect");
    const kept = [];
    while (settings === "for ever");
    while (settings === "heap") kept.push(new Array(1000).fill(kept.length));
    parentPort.postMessage({ kind: "generated", configuration: { content: settings } });
  `)}`,
);

describe("createGenerator", () => {
  const { pass } = useManualClock();
  const never = new AbortController().signal;
  const options = { caller: "a", signal: never };

  /** Lets the thread that serves callers have a turn. */
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it("answers what the settings give", async () => {
    const generate = createGenerator(GENERATION_LIMITS);
    expect(await generate({ ...PLAIN, allServices: true }, options)).to.deep.equal(
      generateFromSettings({ ...PLAIN, allServices: true }),
    );
  });

  it("rejects with what is wrong with the settings", async () => {
    const generate = createGenerator(GENERATION_LIMITS);
    const error = await generate({ ...PLAIN, settings: `${SETTINGS}acount: 1\n` }, options).catch((one) => one);
    expect(error).to.be.instanceOf(DomainError);
    expect(error).to.deep.include({ code: "invalid_argument", reason: "CONFIGURATION_INVALID", field: "settings" });
    expect(error.message).to.equal('settings:4:1: acount is no setting; did you mean "account"?');
  });

  it("ends the thread when the caller hangs up, and then serves the next", async () => {
    const generate = createGenerator({ ...GENERATION_LIMITS, runningMax: 1 }, SCRIPTED);
    const gone = new AbortController();
    const hung = generate(FOR_EVER, { caller: "a", signal: gone.signal }).catch((error) => error);
    const next = generate(PLAIN, { caller: "b", signal: never });
    for (let turns = 0; turns < 100; turns++) await turn();
    gone.abort(new Error("nobody waits"));
    expect(await hung).to.have.property("message", "nobody waits");
    expect((await next).content).to.equal(SETTINGS);
  });

  it("ends the thread when its time is over", async () => {
    const generate = createGenerator(GENERATION_LIMITS, SCRIPTED);
    const hung = generate(FOR_EVER, options).catch((error) => error);
    await pass(GENERATION_LIMITS.timeMaxMs);
    const error = await hung;
    expect(error).to.deep.include({ code: "resource_exhausted", reason: "OVERLOADED", field: "settings" });
    expect(error.message).to.equal(
      "the configuration takes more than 20000 ms; make the settings shorter, or try again when the service has less to do",
    );
  });

  it("ends the thread when its heap is full", async () => {
    const generate = createGenerator({ ...GENERATION_LIMITS, heapMaxMib: 16 }, SCRIPTED);
    const error = await generate({ ...PLAIN, settings: "heap" }, options).catch((one) => one);
    expect(error).to.have.property("reason", "OVERLOADED");
    expect(error.message).to.contain("takes more than 16 MiB of memory");
  });

  it("hands on a defect as it is", async () => {
    const generate = createGenerator(GENERATION_LIMITS, SCRIPTED);
    const error = await generate({ ...PLAIN, settings: "fail" }, options).catch((one) => one);
    expect(error).to.be.instanceOf(TypeError).with.property("message", "a defect");
  });

  it("refuses what finds no place to wait", async () => {
    const generate = createGenerator({ ...GENERATION_LIMITS, waitingMax: 1 }, SCRIPTED);
    const gone = new AbortController();
    const { signal } = gone;
    const waiting = [1, 2].map((at) => generate(FOR_EVER, { caller: `${at}`, signal }).catch((error) => error));
    const refused = await generate(FOR_EVER, { caller: "3", signal }).catch((error) => error);
    expect(refused).to.deep.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    gone.abort();
    await Promise.all(waiting);
  });
});
