import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import { namespaceRepositoryContract } from "../testing/contracts/namespace-repository-contract.ts";
import { enteredByTest } from "../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../testing/rigs/database/postgres-subject.ts";
import {
  commitFile,
  createOpen,
  expectRefusal,
  newUpload,
  nextIdentity,
  TEST_ACTOR,
} from "../testing/rigs/database/repository-subject.ts";
import { sampleNamespace } from "../testing/samples/sample-records.ts";
import { createNamespaceRepository } from "./namespace-repository.ts";

type Subject = Awaited<ReturnType<typeof createPostgresSubject>>;

describe("createNamespaceRepository", () => {
  namespaceRepositoryContract(async () => {
    const { uploads, pools, close } = await createPostgresSubject();
    return {
      namespaces: createNamespaceRepository(pools.commands),
      beginUpload: async (namespace) => {
        const { uploadId } = await createOpen({ uploads }, { namespace });
        return async () => {
          await uploads.catalogue.abort(namespace, uploadId, TEST_ACTOR);
        };
      },
      close,
    };
  });

  describe("beside uploads", () => {
    let subject: Subject;
    before(async () => {
      subject = await createPostgresSubject();
    });
    after(() => subject.close());

    const createNamespace = async (name: string) => {
      const namespaces = createNamespaceRepository(subject.pools.commands);
      await namespaces.create(sampleNamespace({ name, keyPrefix: `${name}/` }), TEST_ACTOR);
      return namespaces;
    };

    it("counts files and uploads, and keeps a namespace that has a file", async () => {
      const namespaces = await createNamespace("counted");
      await commitFile(subject, "a", { namespace: "counted" });
      await commitFile(subject, "a", { namespace: "counted" });
      await commitFile(subject, "b", { namespace: "counted" });
      await createOpen(subject, { namespace: "counted" });
      const usage = { liveFiles: 2, liveBytes: 20, kept: 1, keptBytes: 10, unfinishedUploads: 1 };
      const used = { storedBytes: 30, dayBytes: 30 };
      expect(await namespaces.usage("counted")).to.deep.include({ ...usage, used, usedByPrincipal: undefined });
      await expectRefusal(namespaces.delete("counted", { actor: TEST_ACTOR }), "NAMESPACE_NOT_EMPTY");
    });

    it("begins no upload in a namespace that is being deleted", async () => {
      const namespaces = await createNamespace("doomed");
      const deleting = new Client({ connectionString: subject.url });
      await deleting.connect();
      await deleting.query("BEGIN");
      await deleting.query("SELECT name FROM namespace WHERE name = 'doomed' FOR UPDATE");
      await deleting.query(`${enteredByTest.sql} UPDATE namespace SET delete_time = now() WHERE name = 'doomed'`);
      // The statement finds the namespace as it was, and waits for the transaction that deletes it.
      const input = newUpload({ namespace: "doomed" });
      const identity = nextIdentity({ namespace: "doomed" });
      const begun = expectRefusal(subject.uploads.catalogue.create(input, identity), "NAMESPACE_NOT_FOUND");
      await waitUntilBlocked(subject);
      await deleting.query("COMMIT");
      await deleting.end();
      await begun;
      expect(await namespaces.usage("doomed")).to.include({ unfinishedUploads: 0 });
    });

    it("is changed while uploads begin in it", async () => {
      const namespaces = await createNamespace("busy");
      const beginning = new Client({ connectionString: subject.url });
      await beginning.connect();
      await beginning.query("BEGIN; SELECT FROM namespace WHERE name = 'busy' FOR KEY SHARE");
      try {
        const options = { actor: TEST_ACTOR };
        await namespaces.update("busy", (before) => ({ ...before, storedBytesMax: 7 }), options);
        expect((await namespaces.setGrants("busy", [], options)).storedBytesMax).to.equal(7);
      } finally {
        await beginning.end();
      }
    });

    it("leaves either an upload or no namespace, whichever of both comes first", async () => {
      for (let round = 0; round < 10; round++) {
        const namespace = `raced-${round}`;
        const namespaces = await createNamespace(namespace);
        const [created, deleted] = await Promise.allSettled([
          subject.uploads.catalogue.create(newUpload({ namespace }), nextIdentity({ namespace })),
          namespaces.delete(namespace, { actor: TEST_ACTOR }),
        ]);
        const reasons = [created, deleted].flatMap((one) => (one.status === "rejected" ? [one.reason.reason] : []));
        expect(reasons).to.have.lengthOf(1);
        expect(["NAMESPACE_NOT_FOUND", "NAMESPACE_NOT_EMPTY"]).to.include(reasons[0]);
      }
    });

    it("tells a repeated request its upload, and refuses a new one, once the namespace is deleted", async () => {
      const namespaces = await createNamespace("past");
      const identity = nextIdentity({ namespace: "past" });
      const input = newUpload({ namespace: "past" });
      const { upload } = await subject.uploads.catalogue.create(input, identity);
      await subject.uploads.catalogue.abort("past", upload.uploadId, TEST_ACTOR);
      await namespaces.delete("past", { actor: TEST_ACTOR });
      const again = await subject.uploads.catalogue.create({ ...input, uploadId: newUpload().uploadId }, identity);
      expect(again).to.deep.include({ created: false });
      await expectRefusal(
        subject.uploads.catalogue.create(
          newUpload({ namespace: "past", ifGenerationMatch: 0 }),
          nextIdentity({ namespace: "past" }),
        ),
        "NAMESPACE_NOT_FOUND",
      );
    });
  });
});

/** Resolves when a statement waits for a lock that another holds. */
async function waitUntilBlocked({ pools }: Subject): Promise<void> {
  for (;;) {
    const waiting = sql.unsafe`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    if ((await pools.links.query(waiting)).rows.length > 0) return;
  }
}
