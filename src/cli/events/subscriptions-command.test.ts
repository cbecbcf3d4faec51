import { PassThrough } from "node:stream";
import { expect } from "chai";
import { subscriptionNotFound } from "../../domain/repository-refusals.ts";
import type { Subscription } from "../../domain/subscriptions/subscription.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { runCli, type ServerCommands } from "../program.ts";

const UNTOUCHED = {} as ServerCommands;
const ID = "0190a3b4-5c6d-7e8f-9a0b-0000000000dd";
const TIME = new Date("2026-01-02T03:04:05.678Z");
const ORIGIN = "0190a3b4-5c6d-7e8f-9a0b-000000000001";
const WELL: Subscription = {
  ...{ subscriptionId: ID, namespace: "default", principal: "dev:local", createTime: TIME },
  receiver: { kind: "webhook", url: "https://example.org/events" },
  ...{ types: [], pathPrefix: "", state: "active", endReason: undefined, stateTime: TIME },
  ...{ cursor: { origin: ORIGIN, sequence: 7 }, progressTime: TIME, failing: undefined },
  ...{ formerSecretUntil: undefined, deadLetters: 0 },
};
const problem = "the receiver answers with status 500";
const FAILING: Subscription = {
  ...WELL,
  receiver: { kind: "event-bus", arn: "arn:aws:events:eu-central-1:111122223333:event-bus/files" },
  types: ["sluice.file.committed.v1"],
  pathPrefix: "in/",
  failing: { failures: 3, firstTime: TIME, lastTime: TIME, since: TIME, problem, nextTime: TIME },
  deadLetters: 1,
};
const LETTER = { eventId: "event-1", sequence: 5, failures: 12, problem, time: TIME, isWanted: true };

describe("sluice subscriptions", () => {
  let asked: [string, object][];
  let server: ApiServer;

  before(async () => {
    const note = (name: string, request: object) => void asked.push([name, request]);
    server = await openApiServer({
      subscriptions: {
        listSubscriptions: async () => [WELL, FAILING],
        getSubscription: async ({ subscriptionId }) => {
          if (subscriptionId !== ID) throw subscriptionNotFound(subscriptionId);
          return { subscription: FAILING, deadLetters: [LETTER] };
        },
        createSubscription: async ({ requestId: _, ...request }) => {
          note("create", request);
          const isWebhook = request.receiver?.kind === "webhook";
          return isWebhook ? { subscription: WELL, secret: "whsec_x" } : { subscription: FAILING, secret: "" };
        },
        updateSubscription: async ({ requestId: _, ...request }) => {
          note("update", request);
          return {
            subscription: { ...WELL, ...(request.newSecret && { formerSecretUntil: TIME }) },
            secret: request.newSecret ? "whsec_y" : "",
          };
        },
        deleteSubscription: async (request) => note("delete", request),
        redeliverEvents: async ({ requestId: _, ...request }) => {
          note("redeliver", request);
          return WELL;
        },
      },
    });
  });
  after(() => server.close({ graceMs: 0 }));
  beforeEach(() => {
    asked = [];
  });

  async function run(...args: string[]) {
    const [stdout, stderr] = [captureText(), captureText()];
    const env = { SLUICE_URL: server.url, SLUICE_TOKEN: API_TOKEN };
    const { signal } = new AbortController();
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal };
    const code = await runCli(["subscriptions", ...args], terminal, UNTOUCHED);
    return { code, out: stdout.text(), err: stderr.text() };
  }
  const named = { namespace: "default", subscriptionId: ID };

  it("lists them, with what is wrong", async () => {
    const { code, out } = await run("ls");
    expect([code, out.trim().split("\n")]).to.deep.equal([
      0,
      [
        `${ID}  active  https://example.org/events`,
        `${ID}  active  arn:aws:events:eu-central-1:111122223333:event-bus/files  1 dead letter  (${problem})`,
      ],
    ]);
    const [well, failing] = (await run("ls", "--json")).out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(well).to.include({ subscriptionId: ID, webhookUrl: "https://example.org/events", state: "active" });
    expect(well).not.to.have.any.keys("failing", "endReason", "lapseTime");
    expect(failing.failing).to.deep.include({ failures: 3, problem, nextTime: TIME.toISOString() });
    expect(failing.lapseTime).to.equal("2026-01-09T03:04:05.678Z");
  });

  it("prints the secret of a webhook alone, and the id where there is none", async () => {
    const webhook = await run(
      "create",
      "--webhook",
      "https://example.org/events",
      "--prefix",
      "in/",
      "--type",
      "a",
      "b",
    );
    expect([webhook.code, webhook.out]).to.deep.equal([0, "whsec_x\n"]);
    expect(webhook.err).to.contain(ID);
    const bus = await run("create", "--event-bus", "arn:x", "--after", "cursor");
    expect([bus.code, bus.out]).to.deep.equal([0, `${ID}\n`]);
    expect(asked).to.deep.equal([
      [
        "create",
        {
          ...{ namespace: "default", types: ["a", "b"], pathPrefix: "in/", cursor: "" },
          receiver: { kind: "webhook", url: "https://example.org/events" },
        },
      ],
      [
        "create",
        {
          ...{ namespace: "default", types: [], pathPrefix: "", cursor: "cursor" },
          receiver: { kind: "event-bus", arn: "arn:x" },
        },
      ],
    ]);
    expect(JSON.parse((await run("create", "--webhook", "https://a/", "--json")).out).secret).to.equal("whsec_x");
  });

  it("needs one receiver, and one place", async () => {
    for (const args of [
      ["create"],
      ["create", "--webhook", "https://a/", "--event-bus", "b"],
      ["redeliver", ID, "--all", "--new"],
      ["redeliver", ID, "--after", "c", "--new"],
    ]) {
      const { code, err } = await run(...args);
      expect([code, err.includes("give")], args.join(" ")).to.deep.equal([2, true]);
    }
    expect(asked).to.deep.equal([]);
  });

  it("shows one with its dead letters", async () => {
    const { code, out } = await run("show", ID);
    expect(code).to.equal(0);
    expect(out).to.match(/^events: sluice\.file\.committed\.v1, below in\/$/m);
    expect(out).to.match(/^fails since .*: the receiver answers with status 500; next try /m);
    expect(out).to.match(/^ends at .* unless an event is delivered before$/m);
    expect(out).to.contain(`dead letter event-1: tried 12 times, about to be sent again; ${problem}\n`);
    expect(JSON.parse((await run("show", ID, "--json")).out).letters).to.deep.equal([
      { ...LETTER, sequence: "5", time: TIME.toISOString() },
    ]);
    expect((await run("show", ID.replace("d", "e"))).code).to.equal(1);
  });

  it("pauses, resumes, replaces secrets, sends again and removes", async () => {
    expect((await run("pause", ID)).out).to.contain(`${ID}  active`);
    await run("resume", ID);
    expect((await run("rotate", ID)).out).to.equal("whsec_y\n");
    await run("redeliver", ID);
    await run("redeliver", ID, "--after", "cursor");
    await run("redeliver", ID, "--all");
    await run("redeliver", ID, "--new");
    expect((await run("rm", ID)).out).to.equal(`removed subscription ${ID}\n`);
    expect(asked).to.deep.equal([
      ["update", { ...named, state: "paused", newSecret: false }],
      ["update", { ...named, state: "active", newSecret: false }],
      ["update", { ...named, state: undefined, newSecret: true }],
      ["redeliver", { ...named, wanted: { kind: "dead-letters" } }],
      ["redeliver", { ...named, wanted: { kind: "after-cursor", cursor: "cursor" } }],
      ["redeliver", { ...named, wanted: { kind: "after-cursor", cursor: "" } }],
      ["redeliver", { ...named, wanted: { kind: "only-new" } }],
      ["delete", named],
    ]);
  });
});
