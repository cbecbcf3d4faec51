import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { Client } from "pg";
import { Webhook } from "standardwebhooks";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { TEST_TOKEN_KEYS } from "../../testing/rigs/callers/authenticate-upload-tokens.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { startServiceProcess } from "../../testing/rigs/service/service-process.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../../testing/rigs/service/webhook-receiver.ts";
import { type DevS3, startDevS3 } from "../../testing/rigs/storage/dev-s3.ts";
import { until } from "../../testing/rigs/until.ts";

/** SubscriptionState and SubscriptionEndReason by their numbers. */
const [ACTIVE, DEAD, LAPSED, EVENTS_RESET] = [1, 3, 2, 3];
const settings = {
  SLUICE_TOKEN_KEYS: JSON.stringify(TEST_TOKEN_KEYS.slice(0, 1)),
  SLUICE_WEBHOOK_NETWORKS: "127.0.0.0/8",
};
const BYTE = new Uint8Array([1]);

describe("deliveries", () => {
  let receiver: WebhookReceiver;
  beforeEach(async () => {
    receiver = await startWebhookReceiver();
  });
  afterEach(() => receiver.close());
  const subjects = () => receiver.received.map(({ event }) => event.subject);
  const upload = async (client: SluiceClient, names: readonly string[]) => {
    for (const name of names) await client.upload(BYTE, name);
  };
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}/${i}`);

  describe("by replicas of one service", () => {
    let service: RunningService;
    let client: SluiceClient;
    let database: Client;
    before(async () => {
      service = await startService({ settings });
      await service.startReplica();
      client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
      database = new Client({ connectionString: service.databaseUrl });
      await database.connect();
    });
    after(async () => {
      client?.close();
      await database?.end();
      await service?.stop();
    });
    afterEach(async () => {
      for (const { subscriptionId } of await client.listSubscriptions())
        await client.deleteSubscription(subscriptionId);
    });
    const subscribe = async (pathPrefix: string) =>
      (await client.createSubscription({ webhookUrl: receiver.url }, { pathPrefix })).subscription.subscriptionId;
    const get = async (subscriptionId: string) => (await client.getSubscription(subscriptionId)).subscription;

    it("come once each, in order, to each of several subscriptions", async () => {
      const prefixes = Array.from({ length: 6 }, (_, i) => `once-${i}`);
      for (const prefix of prefixes) await subscribe(`${prefix}/`);
      await Promise.all(prefixes.map((prefix) => upload(client, names(prefix, 10))));
      await until("all have come", () => receiver.received.length >= 60);
      for (const prefix of prefixes) {
        const own = subjects().filter((subject: string) => subject.startsWith(`${prefix}/`));
        expect(own).to.deep.equal(names(prefix, 10));
      }
      const { rows } = await database.query(
        "SELECT count(*)::integer AS held FROM subscription WHERE lease_until > now()",
      );
      expect(rows).to.deep.equal([{ held: 6 }]);
    });

    it("end where the database was restored, and go on by RedeliverEvents and UpdateSubscription", async () => {
      const id = await subscribe("restored/");
      await upload(client, ["restored/before"]);
      await until("the first has come", () => receiver.received.length === 1);
      // So it is after a restore: the row says another cluster, timeline or database than this one.
      await database.query("UPDATE journal_origin SET made_by = 'another/1/1'");
      await until("it has ended", async () => (await get(id)).state === DEAD);
      const { endReason, failing } = await get(id);
      expect(endReason).to.equal(EVENTS_RESET);
      expect(failing?.problem).to.match(/another (feed|one)/);
      const refusal = await client.resumeSubscription(id).catch((error) => error);
      expect(refusal).to.include({ reason: "EVENTS_RESET" });
      await client.redeliverEvents(id, { onlyNew: true });
      await client.resumeSubscription(id);
      await upload(client, ["restored/after"]);
      await until("the next has come", () => receiver.received.length === 2);
      expect(subjects()).to.deep.equal(["restored/before", "restored/after"]);
    });

    it("end where events behind the cursor are not kept any more", async () => {
      const id = await subscribe("kept/");
      await client.pauseSubscription(id);
      await upload(client, ["kept/lost"]);
      await until(
        "it has a number",
        async () => (await client.listEvents({ pathPrefix: "kept/" })).events.length === 1,
      );
      await database.query("INSERT INTO journal_dropped SELECT max(sequence) FROM journal_number");
      expect(await client.resumeSubscription(id).catch((error) => error)).to.include({ reason: "EVENTS_RESET" });
      await database.query("UPDATE subscription SET state = 'active'");
      await until("it has ended", async () => (await get(id)).state === DEAD);
      await client.redeliverEvents(id, { afterCursor: "" });
      await client.resumeSubscription(id);
      await upload(client, ["kept/next"]);
      await until("the next has come", () => receiver.received.length === 1);
      expect(subjects()).to.deep.equal(["kept/next"]);
    });

    it("lapse by a pause that is too long, which the journal says as all other changes", async () => {
      const id = await subscribe("paused/");
      const { lapseTime } = await client.pauseSubscription(id);
      expect(lapseTime).not.to.equal(undefined);
      await database.query("UPDATE subscription SET state_time = state_time - interval '7 days'");
      await until("it has ended", async () => (await get(id)).state === DEAD);
      expect((await get(id)).endReason).to.equal(LAPSED);
      expect((await client.resumeSubscription(id)).state).to.equal(ACTIVE);
      await client.redeliverEvents(id, { deadLetters: true });
      const { secret } = await client.replaceWebhookSecret(id);
      await client.deleteSubscription(id);
      const entries: { action: string; actor: string; resourceId: string; after: string }[] = [];
      await until("all have numbers", async () => {
        entries.length = 0;
        for await (const entry of client.allAuditEntries({ filter: `resource_id = "${id}"` }))
          entries.push(entry as unknown as (typeof entries)[number]);
        return entries.length >= 7 && entries.some(({ action }) => action === "DeleteSubscription");
      });
      const changes = entries.filter(({ action }) => action !== "GetSubscription").reverse();
      expect(changes.map(({ action, actor }) => [action, actor])).to.deep.equal([
        ["CreateSubscription", "dev:local"],
        ["UpdateSubscription", "dev:local"],
        ["EndSubscription", "service"],
        ["UpdateSubscription", "dev:local"],
        ["RedeliverEvents", "dev:local"],
        ["UpdateSubscription", "dev:local"],
        ["DeleteSubscription", "dev:local"],
      ]);
      expect(JSON.stringify(changes, (_, value) => (typeof value === "bigint" ? String(value) : value))).not.to.contain(
        secret.replace("whsec_", ""),
      );
    });

    it("end with their namespace", async () => {
      const namespace = "short-lived";
      await client.createNamespace({ name: namespace, bucket: "short-lived", region: "eu-central-1" });
      await client.createSubscription({ webhookUrl: receiver.url }, { namespace });
      await client.deleteNamespace(namespace);
      const { rows } = await database.query("SELECT FROM subscription WHERE namespace = 'short-lived'");
      expect(rows).to.deep.equal([]);
    });
  });

  describe("while the keys are replaced that seal secrets", () => {
    let database: TestDatabase;
    let s3: DevS3;
    before(async () => {
      [database, s3] = [await createTestDatabase(), await startDevS3({ multipartMinPartBytes: 1 })];
    });
    after(async () => {
      await s3?.stop();
      await database?.drop();
    });
    const [A, B, C] = Array.from({ length: 3 }, () => randomBytes(32).toString("base64"));
    /** Serves with these keys for as long as `work` takes. */
    const serveWith = async (keys: unknown[], work: (client: SluiceClient) => Promise<void>) => {
      const own = { ...settings, SLUICE_TOKEN_KEYS: JSON.stringify(keys) };
      const service = await startService({ settings: own, databaseUrl: database.url, s3: s3.endpoint });
      const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
      await work(client).finally(async () => {
        client.close();
        await service.stop();
      });
    };

    it("stay signed by the same secret, which is sealed anew, and say when its key is gone", async () => {
      let [id, secret] = ["", ""];
      await serveWith([A], async (client) => {
        const made = await client.createSubscription({ webhookUrl: receiver.url }, { pathPrefix: "keys/" });
        [id, secret] = [made.subscription.subscriptionId, made.secret];
      });
      for (const [index, keys] of [[B, A], [B]].entries()) {
        await serveWith(keys, async (client) => {
          await upload(client, [`keys/${index}`]);
          await until("it has come", () => receiver.received.length === index + 1);
        });
        const { body, headers } = receiver.received[index] as (typeof receiver.received)[number];
        expect(() => new Webhook(secret).verify(body, headers)).not.to.throw();
      }
      await serveWith([C], async (client) => {
        await upload(client, ["keys/late"]);
        const problem = await until(
          "it fails",
          async () => (await client.getSubscription(id)).subscription.failing?.problem,
        );
        expect(problem).to.contain("give the subscription a new secret");
        const renewed = await client.replaceWebhookSecret(id);
        await until("it has come", () => receiver.received.length === 3);
        const { body, headers } = receiver.received[2] as (typeof receiver.received)[number];
        expect(() => new Webhook(renewed.secret).verify(body, headers)).not.to.throw();
      });
    });
  });

  describe("by a process that is killed while the receiver works", () => {
    let database: TestDatabase;
    let s3: DevS3;
    before(async () => {
      [database, s3] = [await createTestDatabase(), await startDevS3({ multipartMinPartBytes: 1 })];
    });
    after(async () => {
      await s3?.stop();
      await database?.drop();
    });
    const start = async () =>
      await startServiceProcess(s3.endpoint, { databaseUrl: database.url, port: await findFreePort(), settings });

    it("come again where they were not confirmed, none is lost, and the others come once", async () => {
      let victim = await start();
      const client = createSluiceClient({ url: victim.url, token: SERVICE_TOKEN });
      const { subscription } = await client.createSubscription({ webhookUrl: receiver.url }, { pathPrefix: "killed/" });
      // Nothing is to be delivered before the receiver answers as this test wants it.
      await client.pauseSubscription(subscription.subscriptionId);
      await upload(client, names("killed", 5));
      let isInterrupted = false;
      receiver.answerWith(({ event }, { response }) => {
        if (isInterrupted || event.subject !== "killed/2") return response.writeHead(204).end();
        isInterrupted = true;
        // It has worked the event off, and its answer gets lost.
        return victim.kill();
      });
      await client.resumeSubscription(subscription.subscriptionId);
      const later = new Client({ connectionString: database.url });
      await later.connect();
      await until("it is killed", () => isInterrupted);
      client.close();
      await victim.kill();
      // The lease of the dead passes; the test does not wait for that.
      await later.query("UPDATE subscription SET lease_until = '-infinity' WHERE lease_until > now()");
      victim = await start();
      await until("all have come", () => receiver.received.length >= 6);
      await later.end();
      expect(await victim.stop()).to.equal(0);
      const indexes = subjects().map((subject: string) => Number(subject.split("/")[1]));
      expect(indexes).to.deep.equal([0, 1, 2, 2, 3, 4]);
      const ids = new Set(receiver.received.map(({ event }) => event.id));
      expect(ids.size).to.equal(5);
    });
  });
});
