// Changes files, one after the other, until it has made all its changes or is killed: node writer-process.ts JSON of WriterOptions.
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../src/domain/errors.ts";
import { createFileRepository } from "../../src/postgres/files/file-repository.ts";
import { createDatabasePools } from "../../src/postgres/pool/pool.ts";
import { createRandom } from "../stage/seeded-random.ts";
import { pathOf, type WriterOptions } from "./journal-trial.ts";
import { toChange } from "./to-change.ts";

const RETRY_MS = 50;

const { databaseUrl, seed, changes, files, acknowledged, inFlight } = JSON.parse(
  process.argv[2] ?? "",
) as WriterOptions;
const random = createRandom(seed);
const pools = await untilAnswered(() => createDatabasePools({ url: databaseUrl }));
const repository = createFileRepository({
  commands: pools.commands,
  read: (_position, query) => query(pools.commands),
});
let left = changes;
process.send?.({});
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await changeFile(pathOf(Math.floor(files * random())));
  }),
);
await pools.end();
process.disconnect?.();

/** The label says which change of the file it is, and so does its entry. */
async function changeFile(path: string): Promise<void> {
  // One identity for all tries: a repeated command is one change.
  const change = toChange("bench:writer");
  const file = await untilAnswered(() => repository.update("default", path, change));
  appendFileSync(acknowledged, `${path} ${file.metageneration}\n`);
}

async function untilAnswered<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isPassing = error instanceof DomainError && ["unavailable", "aborted"].includes(error.code);
      if (!isPassing) throw error;
      await delay(RETRY_MS);
    }
  }
}
