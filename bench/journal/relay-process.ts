// Numbers entries again and again until it is killed: node relay-process.ts URL-of-the-database.
import { setTimeout as delay } from "node:timers/promises";
import { createJournalRelay } from "../../src/postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";

const EVERY_MS = 20;

const url = process.argv[2] ?? "";
process.send?.({});
for (;;) {
  try {
    const relay = createJournalRelay(await createDatabasePool("relay", { url }));
    for (;;) {
      await relay.numberNew();
      await delay(EVERY_MS);
    }
  } catch {
    // The database is away: the next relay begins anew.
    await delay(EVERY_MS);
  }
}
