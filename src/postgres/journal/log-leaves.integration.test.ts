import { createHash } from "node:crypto";
import { expect } from "chai";
import { sql } from "slonik";
import { hashPersonal, type LeafProof, type LogLeaves, toLogEntry } from "../../domain/log/log-leaves.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { createJournalRelay } from "./journal-relay.ts";
import { createJournalWriter } from "./journal-writer.ts";
import { createLogLeaves } from "./log-leaves.ts";

describe("createLogLeaves", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  let leaves: LogLeaves;
  const relay = () => createJournalRelay(subject.pools.commands);
  beforeEach(async () => {
    subject = await createPostgresSubject();
    leaves = createLogLeaves(subject.pools.commands);
  });
  afterEach(() => subject.close());

  /** Writes entries that have their numbers; the first number. */
  const enter = async (paths: readonly string[], namespace = "default") => {
    await createJournalWriter(subject.pools.journal).enter(
      paths.map((path) => ({
        namespace,
        action: "GetFile",
        outcome: "done",
        resource: { kind: "file" },
        actor: { principal: "acme:anna", tokenKind: "oidc", address: "192.0.2.1" },
        path,
        dataSubject: "",
        time: new Date("2026-01-31T12:00:00.123Z"),
        times: 3,
      })),
    );
    await relay().numberNew();
    const last = await subject.pools.commands.oneFirst(sql.unsafe`SELECT max(sequence) FROM journal_number`);
    return Number(last) - paths.length + 1;
  };
  const find = async (sequence: number) => (await leaves.find("default", { sequence })) as LeafProof;
  const toJson = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString("utf8"));

  it("seals every entry once, in the order of the numbers", async () => {
    const first = await enter(["a", "b", "c"]);
    await leaves.begin();
    const { through } = await leaves.seal({ limit: first });
    expect(through).to.equal(first);
    expect(await leaves.seal({ limit: 100 })).to.deep.equal({ sealed: 2, through: first + 2 });
    expect(await leaves.seal({ limit: 100 })).to.deep.equal({ sealed: 0, through: first + 2 });
    const rows = await leaves.read({ after: 0, through: first + 2 });
    expect(rows.map(({ sequence }) => sequence)).to.deep.equal(Array.from({ length: first + 2 }, (_, nth) => nth + 1));
    expect(await leaves.read({ after: first, through: first + 1 })).to.deep.equal([rows[first]]);
  });

  it("makes of an entry 32 bytes that its parts prove", async () => {
    const sequence = await enter(["own/ä\\x"]);
    await leaves.begin();
    await leaves.seal({ limit: 1000 });
    const proof = await find(sequence);
    const [row] = await leaves.read({ after: sequence - 1, through: sequence });
    expect(Buffer.from(toLogEntry(proof)).equals(row?.entry as Uint8Array)).to.equal(true);
    expect(Buffer.from(hashPersonal(proof.personal as never)).equals(proof.personalHash)).to.equal(true);
    const shown = toJson(proof.publicBytes);
    expect(shown).to.deep.include({ namespace: "default", action: "GetFile", outcome: "done", resourceKind: "file" });
    expect(shown).to.deep.include({
      sequence: String(sequence),
      entryId: proof.entryId,
      times: "3",
      tokenKind: "oidc",
    });
    expect(shown.firstTime).to.equal("2026-01-31T12:00:00.123000Z");
    expect(shown.time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(JSON.stringify(shown)).not.to.include("anna");
    expect(toJson(proof.personal?.bytes as Uint8Array)).to.deep.equal({
      ...{ actor: "acme:anna", session: "", address: "192.0.2.1", path: "own/ä\\x", sourcePath: "", dataSubject: "" },
      ...{ before: null, after: null },
    });
    expect(await leaves.find("other", { sequence })).to.equal(undefined);
    expect((await leaves.find("default", { entryId: proof.entryId }))?.sequence).to.equal(sequence);
  });

  it("names the entry before it in its namespace", async () => {
    const first = await enter(["a"]);
    await enter(["x", "y"], "other");
    const last = await enter(["b", "c"]);
    await leaves.begin();
    // Whether both are sealed at once or not.
    await leaves.seal({ limit: last });
    await leaves.seal({ limit: 1000 });
    const previous = async (sequence: number) => toJson((await find(sequence)).publicBytes).previousSequence;
    expect(await previous(last)).to.equal(String(first));
    expect(await previous(last + 1)).to.equal(String(last));
    expect(await previous(1)).to.equal(undefined);
  });

  it("proves what is not about a person when the rest is erased, before the sealing or after it", async () => {
    const erase = (path: string) =>
      subject.pools.commands.query(sql.unsafe`DELETE FROM journal_personal WHERE path = ${path}`);
    const sequence = await enter(["early", "late"]);
    await erase("early");
    await leaves.begin();
    await leaves.seal({ limit: 1000 });
    const kept = await find(sequence + 1);
    await erase("late");
    const late = await find(sequence + 1);
    expect(late.personal).to.equal(undefined);
    expect(toLogEntry(late)).to.deep.equal(toLogEntry(kept));
    const early = await find(sequence);
    expect(early.personal).to.equal(undefined);
    expect([...early.personalHash].every((byte) => byte === 0)).to.equal(true);
  });

  it("keeps the bytes that were hashed, whatever happens to the columns", async () => {
    const sequence = await enter(["a"]);
    const read = async () => (await find(sequence)).personal?.bytes;
    await leaves.begin();
    await leaves.seal({ limit: 1000 });
    const before = await read();
    await subject.pools.commands.query(sql.unsafe`UPDATE journal_personal SET actor = 'acme:else'`);
    expect(await read()).to.deep.equal(before);
  });

  it("seals each entry once also when two do it at once", async () => {
    const first = await enter(Array.from({ length: 500 }, (_, nth) => `f${nth}`));
    await leaves.begin();
    const sealed = await Promise.all(Array.from({ length: 8 }, () => leaves.seal({ limit: 100 })));
    expect(sealed.reduce((sum, one) => sum + one.sealed, 0)).to.be.at.least(first + 499);
    const rows = await leaves.read({ after: 0, through: first + 499 });
    expect(rows.map(({ sequence }) => sequence)).to.deep.equal(
      Array.from({ length: first + 499 }, (_, nth) => nth + 1),
    );
  });

  it("notes how far it is published, what keeps it from that, and which log it is", async () => {
    expect(await leaves.state()).to.equal(undefined);
    const last = await enter(["a"]);
    expect(await leaves.begin()).to.deep.include({ fork: 0, published: 0, problem: undefined, droppedThrough: 0 });
    await leaves.noteProblem("entry 1 is missing");
    expect(await leaves.begin()).to.deep.include({ problem: "entry 1 is missing" });
    expect((await leaves.state())?.behindMs).to.be.above(0);
    await leaves.notePublished(last);
    expect(await leaves.state()).to.deep.include({ published: last, problem: undefined, behindMs: 0 });
    expect(await leaves.continueAs(2)).to.equal(true);
    expect(await leaves.continueAs(1)).to.equal(false);
    expect(await leaves.state()).to.deep.include({ fork: 2, published: 0 });
  });

  it("has leaves of 32 bytes that nobody guesses: the same entry twice is two", async () => {
    await enter(["a", "a"]);
    await leaves.begin();
    const { through } = await leaves.seal({ limit: 1000 });
    const rows = await leaves.read({ after: 0, through });
    expect(new Set(rows.map(({ entry }) => createHash("sha256").update(entry).digest("hex"))).size).to.equal(through);
    expect(rows.every(({ entry }) => entry.length === 32)).to.equal(true);
  });
});
