import { expect } from "chai";
import { openCheckpoint } from "../../domain/log/checkpoint.ts";
import { toProvenRoot } from "../../domain/log/inclusion.ts";
import { toLogEntry } from "../../domain/log/log-leaves.ts";
import { hashLeaf } from "../../domain/log/merkle-tree.ts";
import { type NoteVerifier, parseNoteVerifier } from "../../domain/log/signed-note.ts";
import { LOG_NAME, LogRig } from "../../testing/rigs/database/log-rig.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { getInclusionProof, type InclusionProof } from "./get-inclusion-proof.ts";

const SIZE = 66_000;

describe("getInclusionProof", () => {
  let rig: LogRig;
  const namespaces = sampleNamespaces({ name: "default" });
  const ALL = { scope: [""] };
  before(async () => {
    rig = await LogRig.start();
    await rig.enterUpTo(SIZE);
    await rig.publisher().publish();
    await rig.publisher().publish();
  });
  after(() => rig?.close());
  const log = () => ({ leaves: rig.leaves, store: rig.store, signers: [rig.key] });
  const prove = (
    entry: string,
    { scope }: { scope: string[] } = ALL,
    auditLog: ReturnType<typeof log> | undefined = log(),
  ) => getInclusionProof({ auditLog, namespaces }, { namespace: "default", entry }, { caller: SAMPLE_CALLER, scope });
  const errorOf = (...args: Parameters<typeof prove>) => catchError(() => prove(...args));

  /** Follows the proof as whoever reads https://c2sp.org/tlog-proof would. */
  const follow = ({ tlogProof, leaf }: InclusionProof) => {
    const [head = "", ...rest] = tlogProof.split("\n\n");
    const [version, index = "", ...hashes] = head.split("\n");
    expect(version).to.equal("c2sp.org/tlog-proof@v1");
    const verifiers = [parseNoteVerifier(rig.key.verifierKey) as NoteVerifier];
    const { size, root } = openCheckpoint(Buffer.from(rest.join("\n\n")), { origin: LOG_NAME, verifiers });
    const at = Number(/^index (\d+)$/.exec(index)?.[1]);
    const proof = hashes.map((hash) => Buffer.from(hash, "base64"));
    const proven = toProvenRoot({ index: at, size, leaf: hashLeaf(toLogEntry(leaf)) }, proof);
    expect(Buffer.from(proven ?? []).equals(root)).to.equal(true);
    return at;
  };

  it("proves any entry, in ten requests at most", async () => {
    for (const sequence of [3, 256, 257, 33_000, 65_536, 65_537, SIZE]) {
      const before = rig.store.requests.read;
      const proof = await prove(String(sequence));
      expect(follow(proof)).to.equal(sequence - 1);
      expect(rig.store.requests.read - before).to.be.at.most(10);
      expect(proof.leaf.personal).not.to.equal(undefined);
      expect((await prove(proof.leaf.entryId)).tlogProof).to.equal(proof.tlogProof);
    }
  });

  it("shows an auditor of some prefixes what is below them, and no other entry", async () => {
    expect((await prove("500", { scope: ["files/"] })).leaf.path).to.equal("files/a");
    for (const [entry, scope] of [
      ["500", ["other/"]],
      ["1", ["files/"]],
      ["500", []],
    ] as const)
      expect(await errorOf(entry, { scope: [...scope] })).to.include({ reason: "AUDIT_ENTRY_NOT_FOUND" });
  });

  it("hides the personal part of a move whose other path the caller may not see", async () => {
    await rig.query(
      "UPDATE journal_personal SET source_path = 'other/b' WHERE (entry_time, entry_id) IN (SELECT entry_time, entry_id FROM journal_number WHERE sequence = 600)",
    );
    const proof = await prove("600", { scope: ["files/"] });
    expect(proof.leaf.personal).to.equal(undefined);
    expect(follow(proof)).to.equal(599);
    expect((await prove("600")).leaf.sourcePath).to.equal("other/b");
  });

  it("proves an entry whose personal part is erased", async () => {
    await rig.query(
      "DELETE FROM journal_personal WHERE (entry_time, entry_id) IN (SELECT entry_time, entry_id FROM journal_number WHERE sequence = 700)",
    );
    const proof = await prove("700");
    expect(proof.leaf.personal).to.equal(undefined);
    expect(follow(proof)).to.equal(699);
    expect(await errorOf("700", { scope: ["files/"] })).to.include({ reason: "AUDIT_ENTRY_NOT_FOUND" });
  });

  it("refuses what is no entry, and one that is not published", async () => {
    for (const wrong of ["", "0", "-1", "1.5", "x", "9".repeat(16)])
      expect(await errorOf(wrong)).to.include({ code: "invalid_argument", reason: "ARGUMENT_INVALID" });
    for (const none of [String(SIZE + 1000), "01890000-0000-7000-8000-000000000000"])
      expect(await errorOf(none)).to.include({ code: "not_found", reason: "AUDIT_ENTRY_NOT_FOUND" });
    const last = await rig.enter(1);
    await rig.leaves.seal({ limit: 10 });
    expect(await errorOf(String(last))).to.include({ code: "unavailable", reason: "AUDIT_ENTRY_UNPUBLISHED" });
    expect(
      await catchError(() =>
        getInclusionProof(
          { auditLog: undefined, namespaces },
          { namespace: "default", entry: "1" },
          { caller: SAMPLE_CALLER, ...ALL },
        ),
      ),
    ).to.include({
      code: "failed_precondition",
      reason: "AUDIT_LOG_OFF",
    });
  });

  it("proves nothing by an entry that was changed in the database, nor by tiles that are lost or others", async () => {
    await rig.query("UPDATE journal_leaf SET public_bytes = public_bytes || '\\x20' WHERE sequence = 800");
    expect(await errorOf("800")).to.include({ code: "data_loss", reason: "AUDIT_LOG_BROKEN" });
    const tile = rig.store.objects.get("tile/0/010") as Uint8Array;
    rig.store.objects.delete("tile/0/010");
    expect(((await errorOf("2700")) as Error).message).to.include("tile/0/010 is missing");
    rig.store.objects.set("tile/0/010", Buffer.alloc(tile.length));
    expect(await errorOf("2700")).to.include({ reason: "AUDIT_LOG_BROKEN" });
    rig.store.objects.set("tile/0/010", tile);
  });
});
