import { Client } from "pg";
import { sql } from "slonik";
import type { LogLeaves } from "../../../domain/log/log-leaves.ts";
import { createNoteKey, type NoteSigner, parseNoteSigner } from "../../../domain/log/signed-note.ts";
import { LogPublisher, PUBLISH_LIMITS, type PublishLimits } from "../../../journal/log/log-publisher.ts";
import { createJournal } from "../../../postgres/journal/journal.ts";
import { createJournalRelay } from "../../../postgres/journal/journal-relay.ts";
import { createLogLeaves } from "../../../postgres/journal/log-leaves.ts";
import { toExportLine } from "../../../rpc/messages/audit-message.ts";
import { FakeLogStore } from "../../fakes/fake-log-store.ts";
import { createPostgresSubject } from "./postgres-subject.ts";

/** The log of the rig, unless a test has another. */
export const LOG_NAME = "example.org/log";

/** A key of a name: what signs, and the text that others verify with. */
export function createTestKey(name = LOG_NAME): NoteSigner {
  return parseNoteSigner(createNoteKey(name).signingKey) as NoteSigner;
}

/** A journal in a database of its own, and a log of it in memory. */
export class LogRig {
  readonly subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  readonly leaves: LogLeaves;
  readonly store = new FakeLogStore();
  readonly key = createTestKey();
  now = new Date("2026-01-31T12:00:00Z");

  private constructor(subject: LogRig["subject"]) {
    this.subject = subject;
    this.leaves = createLogLeaves(subject.pools.commands);
  }

  static async start(): Promise<LogRig> {
    return new LogRig(await createPostgresSubject());
  }

  /** One more publisher, of `signers` when they are given. */
  publisher({
    signers = [this.key],
    limits = {},
    store = this.store,
    leaves = this.leaves,
  }: {
    signers?: readonly NoteSigner[];
    limits?: Partial<PublishLimits>;
    store?: FakeLogStore;
    leaves?: LogLeaves;
  } = {}) {
    return new LogPublisher({ leaves, store, signers, now: () => this.now }, { ...PUBLISH_LIMITS, ...limits });
  }

  /** Enters so many entries, and gives them numbers; how many there are now. */
  async enter(count: number, actor = "acme:anna"): Promise<number> {
    const { commands } = this.subject.pools;
    await commands.query(sql.unsafe`
      WITH entered AS (
        INSERT INTO journal_entry (namespace, action, outcome, resource_kind, resource_id, token_kind)
        SELECT 'default', 'UpdateFile', 'done', 'file', gen_random_uuid(), 'dev' FROM generate_series(1, ${count}::integer)
        RETURNING entry_id, entry_time
      )
      INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
      SELECT entry_id, entry_time, 'default', ${actor}, 'files/a' FROM entered`);
    await createJournalRelay(commands).numberNew();
    return Number(await commands.oneFirst(sql.unsafe`SELECT max(sequence) FROM journal_number`));
  }

  /** Enters so many that there are `size` now. */
  async enterUpTo(size: number): Promise<void> {
    const known = await this.enter(1);
    if (known < size) await this.enter(size - known);
  }

  /** Does what somebody does who has the database. */
  async query(statement: string): Promise<void> {
    const client = new Client({ connectionString: this.subject.url });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  }

  /** All entries as ExportAudit shows them, with their proofs; `namespace` alone when it is named. */
  async export(namespace?: string): Promise<Record<string, unknown>[]> {
    const { commands } = this.subject.pools;
    const entries = await createJournal(commands).read({ namespace, after: 0, limit: 1_000_000 });
    const lines: Record<string, unknown>[] = [];
    for (const entry of entries) {
      const proof = await this.leaves.find(entry.namespace, { entryId: entry.entryId });
      lines.push(JSON.parse(toExportLine({ kind: "entry", entry: { ...entry, proof } })));
    }
    return lines;
  }

  close(): Promise<void> {
    return this.subject.close();
  }
}
