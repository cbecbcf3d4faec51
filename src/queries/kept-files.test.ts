import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import { fileNotFound } from "../domain/repository-refusals.ts";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { catchError, sampleFile } from "../testing/samples/sample-records.ts";
import { KeptFiles } from "./kept-files.ts";

const LIMITS = { sizeMaxBytes: 10_000, ageMaxMs: 60_000, waitMaxMs: 1000 };

interface Read {
  namespace?: string;
  path?: string;
  generation?: number;
  position?: bigint | undefined;
}

describe("KeptFiles", () => {
  const { pass } = useManualClock();
  const away = () => new DomainError("unavailable", "away", { reason: "DATABASE_UNAVAILABLE" });
  const open = () => {
    const clock = { nowMs: 0 };
    const kept = new KeptFiles({ limits: LIMITS, now: () => clock.nowMs });
    const marks: number[] = [];
    const read = ({ namespace = "default", path = "a", ...which }: Read, get: () => Promise<File>) =>
      kept.over({ files: { get } }, { markStale: (ageMs) => marks.push(ageMs) }).files.get(namespace, path, which);
    const keep = (file: File = sampleFile(), which: Read = {}) => read(which, async () => file);
    const readAway = (which: Read = {}) =>
      read(which, async () => {
        throw away();
      });
    return { kept, clock, marks: () => marks.splice(0), read, keep, readAway };
  };
  const REFUSED = { reason: "DATABASE_UNAVAILABLE" };

  it("gives the answer of the database, unmarked, and the last one with its age while the database is away", async () => {
    const { clock, marks, keep, readAway } = open();
    expect(await keep(sampleFile({ generation: 2 }))).to.include({ generation: 2 });
    expect(marks()).to.deep.equal([]);
    clock.nowMs += 1500;
    expect(await readAway()).to.include({ generation: 2 });
    expect(marks()).to.deep.equal([1500]);
  });

  it("keeps generations apart from one another and from the live file", async () => {
    const { keep, readAway } = open();
    await keep(sampleFile(), { generation: 1 });
    expect(await readAway({ generation: 1 })).to.deep.equal(sampleFile());
    for (const read of [{}, { generation: 2 }, { path: "b", generation: 1 }, { namespace: "other", generation: 1 }]) {
      expect(await catchError(() => readAway(read))).to.include(REFUSED);
    }
  });

  it("waits for a database that hangs only when there is a kept answer, and then for a second", async () => {
    const { marks, read, keep } = open();
    const hanging = Promise.withResolvers<File>();
    let isEnded = false;
    const unknown = read({ path: "unknown" }, () => hanging.promise).finally(() => {
      isEnded = true;
    });
    await keep();
    const reading = read({}, () => hanging.promise);
    await pass(LIMITS.waitMaxMs - 1);
    expect(marks()).to.deep.equal([]);
    await pass(1);
    expect(await reading).to.deep.equal(sampleFile());
    expect([marks(), isEnded]).to.deep.equal([[0], false]);
    hanging.resolve(sampleFile({ generation: 3 }));
    expect(await unknown).to.include({ generation: 3 });
  });

  it("gives no answer that is older than the limit", async () => {
    const { clock, keep, readAway } = open();
    await keep();
    clock.nowMs += LIMITS.ageMaxMs + 1;
    expect(await catchError(() => readAway())).to.include(REFUSED);
  });

  it("gives no answer to a caller who has seen a later position, until it was read there", async () => {
    const { keep, readAway } = open();
    await keep();
    expect(await catchError(() => readAway({ position: 7n }))).to.include(REFUSED);
    await keep(sampleFile({ metageneration: 2 }), { position: 7n });
    for (const position of [undefined, 6n, 7n]) {
      expect(await readAway({ position })).to.include({ metageneration: 2 });
    }
    expect(await catchError(() => readAway({ position: 8n }))).to.include(REFUSED);
  });

  it("remembers the position as long as the file is the same, whoever reads it, and not beyond", async () => {
    const { keep, readAway } = open();
    await keep(sampleFile(), { position: 7n });
    await keep(sampleFile());
    expect(await readAway({ position: 7n })).to.deep.equal(sampleFile());
    await keep(sampleFile({ metageneration: 2 }));
    expect(await catchError(() => readAway({ position: 7n }))).to.include(REFUSED);
  });

  it("gives nothing to who cannot be told its age", async () => {
    const { kept, keep } = open();
    await keep();
    const files = { get: async () => await Promise.reject(away()) };
    expect(await catchError(() => kept.over({ files }, {}).files.get("default", "a"))).to.include(REFUSED);
  });

  it("forgets a file that the database no longer has, and everything when it is told to", async () => {
    const { kept, read, keep, readAway } = open();
    await keep();
    const gone = read({}, async () => {
      throw fileNotFound("a");
    });
    expect(await catchError(() => gone)).to.include({ reason: "FILE_NOT_FOUND" });
    expect(await catchError(() => readAway())).to.include(REFUSED);
    await keep();
    kept.clear();
    expect(await catchError(() => readAway())).to.include(REFUSED);
  });

  it("keeps no more than the limit of its size, those that were read last", async () => {
    const { keep, readAway } = open();
    for (let n = 0; n < 20; n++) await keep(sampleFile({ path: `file-${n}` }), { path: `file-${n}` });
    expect(await readAway({ path: "file-19" })).to.include({ path: "file-19" });
    expect(await catchError(() => readAway({ path: "file-0" }))).to.include(REFUSED);
  });
});
