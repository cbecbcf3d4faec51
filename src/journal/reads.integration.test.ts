import { expect } from "chai";
import { Client } from "pg";
import type { JournalEntry } from "../domain/journal/journal-entry.ts";
import { createJournal } from "../postgres/journal/journal.ts";
import { createJournalRelay } from "../postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../postgres/pool/pool.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

/** Makes every entry of a read fail as it does when the disk is full; changes go on. */
const FILL_DISK = `
  CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
  CREATE TRIGGER full_disk BEFORE INSERT ON journal_entry FOR EACH ROW WHEN (NEW.first_time IS NOT NULL) EXECUTE FUNCTION fill_disk()`;
const MAKE_ROOM = "DROP FUNCTION IF EXISTS fill_disk CASCADE";

describe("What the journal of a service says of reads", () => {
  let rig: UploadRig;
  let pool: Awaited<ReturnType<typeof createDatabasePool>>;
  let admin: Client;
  before(async () => {
    rig = await UploadRig.start();
    pool = await createDatabasePool("test", { url: rig.service.databaseUrl });
    admin = new Client({ connectionString: rig.service.databaseUrl });
    await admin.connect();
    for (const path of ["a.txt", "b.txt", "c.txt"]) await rig.client.upload(Buffer.from("one"), path);
  });
  after(async () => {
    await admin.end();
    await pool.end();
    await rig.stop();
  });
  afterEach(async () => {
    await admin.query("ROLLBACK");
    await admin.query(MAKE_ROOM);
  });
  const call = async (method: string, route: string, json?: unknown) =>
    await callRest(`${rig.service.url}/v1/namespaces/default${route}`, {
      ...{ method, token: SERVICE_TOKEN, ...(json !== undefined && { json }) },
    });
  const setAudit = async (audit: string) => {
    const answer = await call("PATCH", "?updateMask=audit", { audit });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
    expect(answer.body.namespace).to.include({ audit });
  };
  const entriesAfter = async (after: number): Promise<JournalEntry[]> => {
    await createJournalRelay(pool).numberNew();
    return await createJournal(pool).read({ after, limit: 100 });
  };
  const last = async () => {
    await createJournalRelay(pool).numberNew();
    return await createJournal(pool).lastSequence();
  };
  /** The entries after a number, once there is one of the action. */
  const entriesWith = async (after: number, action: string): Promise<JournalEntry[]> => {
    let entries: JournalEntry[] = [];
    await until(`an entry of ${action}`, async () => {
      entries = await entriesAfter(after);
      return entries.some((entry) => entry.action === action);
    });
    return entries.filter((entry) => entry.action === action);
  };

  describe("in a namespace that requires entries", () => {
    before(() => setAudit("AUDIT_POLICY_REQUIRED"));
    after(() => setAudit("AUDIT_POLICY_BEST_EFFORT"));

    it("has every read and every failure when it is answered", async () => {
      const after = await last();
      for (const [method, route, status, json] of [
        ["GET", "/files/a.txt", 200],
        ["GET", "/files/a.txt?alt=media&redirect=false", 200],
        ["GET", "/files?prefix=a", 200],
        ["POST", "/files/a.txt:createDownloadUrl", 200, {}],
        ["GET", "/files/none.txt", 404],
        ["DELETE", "/files/none.txt", 404],
        ["GET", "/grants", 200],
        ["GET", "/usage", 200],
      ] as [string, string, number, unknown?][]) {
        const answer = await call(method, route, json);
        expect(answer.status, `${method} ${route} ${JSON.stringify(answer.body)}`).to.equal(status);
      }
      const entries = await entriesAfter(after);
      expect(
        entries.map(({ action, outcome, resource, times, personal }) =>
          [action, outcome, resource.kind, personal?.path, times].join(" "),
        ),
      ).to.deep.equal([
        "GetFile done file a.txt 1",
        "ReadFile done file a.txt 1",
        "ListFiles done prefix a 1",
        "CreateDownloadUrl done file a.txt 1",
        "GetFile FILE_NOT_FOUND file none.txt 1",
        "DeleteFile FILE_NOT_FOUND file none.txt 1",
        "GetGrants done namespace  1",
        "GetUsage done namespace  1",
      ]);
      for (const { personal, tokenKind } of entries) {
        expect([personal?.actor, tokenKind]).to.deep.equal(["dev:local", "dev"]);
        expect(personal?.address).to.equal("127.0.0.1");
      }
    });

    it("gives nothing while the disk is full, and all again when there is room", async () => {
      await admin.query(FILL_DISK);
      for (const [method, route] of [
        ["GET", "/files/b.txt"],
        ["GET", "/files/a.txt?alt=media&redirect=false"],
        ["POST", "/files/a.txt:createDownloadUrl"],
        ["DELETE", "/files/none.txt"],
      ] as const) {
        const answer = await call(method, route, method === "POST" ? {} : undefined);
        expect(answer.status, route).to.equal(503);
        expect(JSON.stringify(answer.body)).to.include("AUDIT_UNAVAILABLE").and.not.include("https://");
      }
      await admin.query(MAKE_ROOM);
      expect(await call("GET", "/files/a.txt?alt=media&redirect=false")).to.include({ status: 200 });
    });

    it("refuses when the server ends the statement that waits for the journal", async () => {
      await admin.query("BEGIN");
      await admin.query("LOCK TABLE journal_entry IN EXCLUSIVE MODE");
      const answering = call("GET", "/files/a.txt?alt=media&redirect=false");
      // As its statement_timeout does after four seconds.
      const end = `SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'journal_entry'::regclass`;
      await until("a statement waits", async () => (await rig.query(end)).length > 0);
      const answer = await answering;
      expect(answer.status).to.equal(503);
      expect(JSON.stringify(answer.body)).to.include("AUDIT_UNAVAILABLE");
      await admin.query("ROLLBACK");
      expect(await call("GET", "/files/a.txt?alt=media&redirect=false")).to.include({ status: 200 });
    });
  });

  describe("in a namespace that takes what it gets", () => {
    it("answers while the disk is full, and enters what was read once there is room", async () => {
      const after = await last();
      await admin.query(FILL_DISK);
      for (let i = 0; i < 3; i++)
        expect(await call("GET", "/files/a.txt?alt=media&redirect=false")).to.include({ status: 200 });
      await admin.query(MAKE_ROOM);
      expect(await entriesWith(after, "ReadFile")).to.have.length(3);
    });

    it("answers while the journal stands still", async () => {
      const after = await last();
      await admin.query("BEGIN");
      await admin.query("LOCK TABLE journal_personal IN EXCLUSIVE MODE");
      expect(await call("GET", "/files/a.txt?alt=media&redirect=false")).to.include({ status: 200 });
      await admin.query("ROLLBACK");
      expect(await entriesWith(after, "ReadFile")).to.have.length(1);
    });

    it("sums reads, and the calls of those without identity for the service as a whole, until its process stops", async () => {
      const after = await last();
      const replica = await rig.service.startReplica();
      const get = (route: string, token: string) => callRest(`${replica.url}/v1/namespaces${route}`, { token });
      for (let i = 0; i < 5; i++) await get("/default/files/c.txt", SERVICE_TOKEN);
      for (let i = 0; i < 4; i++) await get("", "wrong");
      // Sums of ten seconds are entered at the stop.
      await replica.stop();
      const [read] = await entriesWith(after, "GetFile");
      expect(read).to.include({ times: 5, outcome: "done" });
      const [failed] = await entriesWith(after, "Authenticate");
      expect(failed).to.include({ namespace: "", times: 4, outcome: "TOKEN_INVALID", tokenKind: "none" });
      expect(failed?.personal).to.include({ actor: "", address: "127.0.0.1" });
    });
  });
});
