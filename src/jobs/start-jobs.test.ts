import { expect } from "chai";
import type { ErasureRepository } from "../domain/privacy/erasure.ts";
import { BucketRegions } from "../domain/residency.ts";
import { FakeFileRepository } from "../testing/fakes/fake-file-repository.ts";
import { FakeJobLeases } from "../testing/fakes/fake-job-leases.ts";
import { FakeObjectStore } from "../testing/fakes/fake-object-store.ts";
import { createFakeUploads } from "../testing/fakes/uploads/fake-upload-repositories.ts";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { createOpen } from "../testing/rigs/database/repository-subject.ts";
import { BENCH_LIMITS } from "../testing/rigs/uploads/writer-bench.ts";
import { sampleNamespaces } from "../testing/samples/sample-records.ts";
import { MemoryBudget } from "../transfer/memory-budget.ts";
import { UploadSessions } from "../transfer/upload-sessions.ts";
import { OwnSlots } from "../transfer/upload-slots.ts";
import { startJobs } from "./start-jobs.ts";

/** Each replica has checked whether a job is due by then. */
const CHECKED_MS = 12_000;

describe("startJobs", () => {
  const { pass } = useManualClock();

  it("sweeps what it serves beside a service that serves another namespace of the same database", async () => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files, { namespaces: ["default", "other"] });
    const leases = new FakeJobLeases();
    const start = (name: string) => {
      const [namespace] = [...sampleNamespaces({ name }).values()];
      return startJobs({
        access: {
          uploads,
          objects: new FakeObjectStore({}),
          budget: new MemoryBudget(1),
          limits: BENCH_LIMITS,
          namespaces: new Map([[name, namespace!]]),
          regions: new BucketRegions(),
          instance: `of ${name}`,
          sessions: new UploadSessions(new OwnSlots(1), { silenceMaxMs: 5000 }),
          databaseBackoff: { triesMax: 1, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 1, random: () => 0 },
        },
        files,
        erasures: { listRunning: async () => [], findUndone: async () => [] } as unknown as ErasureRepository,
        leases,
        readLags: async () => ({ journalMs: 0, auditMs: undefined, deliveryMs: 0, purgeMs: 0 }),
        relay: { numberNew: async () => 0, makePartitions: async () => 0, dropPartitions: async () => 0 },
        journalDays: 400,
        auditLog: undefined,
        recorder: { flush: async () => {} },
        deliveries: { look: async () => {}, stop: async () => {} },
        log: { info: () => {}, warn: () => {} },
        check: async () => {},
        watchResidency: async () => {},
        forgetRequests: async () => {},
        forgetLinks: async () => {},
        forgetMarks: async () => {},
        operations: { run: async () => ({ errors: [] }), forget: async () => {} },
      });
    };
    const services = ["default", "other"].map(start);
    const due = await Promise.all(
      ["default", "other"].map((namespace) => createOpen({ uploads }, { namespace, expireAfterMs: 0 })),
    );
    await pass(CHECKED_MS);
    const states = due.map(
      async ({ namespace, uploadId }) => (await uploads.catalogue.get(namespace, uploadId)).upload.state,
    );
    expect(await Promise.all(states)).to.deep.equal(["expired", "expired"]);
    for (const service of services) await service.stop();
  });
});
