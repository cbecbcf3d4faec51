import { expect } from "chai";
import type { Grant } from "../../domain/access/grants.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type { NamespaceRepository } from "../../domain/namespaces/namespace-repository.ts";
import { expectRefusal, TEST_ACTOR } from "../rigs/database/repository-subject.ts";
import { catchError, sampleNamespace } from "../samples/sample-records.ts";

/** A repository of namespaces, and a way to keep a namespace from being empty. */
export interface NamespaceSubject {
  namespaces: NamespaceRepository;
  /** Begins an upload in the namespace; the result ends it. */
  beginUpload(namespace: string): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const GRANTS: readonly Grant[] = [{ member: { group: "entra:tax" }, roles: ["reader", "writer"], prefixes: ["a/"] }];

/** The contract of every NamespaceRepository. `make` is called once. */
export function namespaceRepositoryContract(make: () => Promise<NamespaceSubject>): void {
  let subject: NamespaceSubject;
  let namespaces: NamespaceRepository;
  let names = 0;
  before(async () => {
    subject = await make();
    ({ namespaces } = subject);
  });
  after(() => subject.close());

  /** A namespace with a bucket of its own. */
  const next = (overrides: Partial<Namespace> = {}) => {
    const name = `space-${++names}`;
    return sampleNamespace({ name, bucket: `bucket-${names}`, keyPrefix: "", ...overrides });
  };

  describe("create", () => {
    it("makes a namespace as it was stated, without grants", async () => {
      const wanted = next({ allowedRegions: ["eu-central-1", "eu-west-1"], retainDefaultMs: 5000 });
      const record = await namespaces.create(wanted, TEST_ACTOR);
      expect(record).to.deep.include({ ...wanted, grants: [], deleteTime: undefined });
      expect(record.createTime).to.be.instanceOf(Date);
    });

    it("answers the same namespace when it is repeated, also at once", async () => {
      const wanted = next();
      const made = await Promise.all([namespaces.create(wanted, TEST_ACTOR), namespaces.create(wanted, TEST_ACTOR)]);
      expect(made[0]).to.deep.equal(made[1]);
      expect(await namespaces.create(wanted, TEST_ACTOR)).to.deep.equal(made[0]);
    });

    it("refuses another namespace of the same name", async () => {
      const wanted = next();
      await namespaces.create(wanted, TEST_ACTOR);
      for (const other of [{ bucket: "another" }, { keyPrefix: "a/" }, { retentionMs: 86_400_000 }])
        await expectRefusal(namespaces.create({ ...wanted, ...other }, TEST_ACTOR), "NAMESPACE_EXISTS");
    });

    it("refuses keys that would belong to two namespaces, and no others", async () => {
      const { bucket } = await namespaces.create(next({ keyPrefix: "a/b/" }), TEST_ACTOR);
      for (const keyPrefix of ["", "a/", "a/b/", "a/b/c/"])
        await expectRefusal(namespaces.create(next({ bucket, keyPrefix }), TEST_ACTOR), "PREFIX_OVERLAPS");
      await namespaces.create(next({ bucket, keyPrefix: "a/bc/" }), TEST_ACTOR);
      await namespaces.create(next({ bucket, keyPrefix: "b/" }), TEST_ACTOR);
      await namespaces.create(next({ keyPrefix: "a/b/" }), TEST_ACTOR);
    });

    it("lets one of two have overlapping keys when both are made at once", async () => {
      const bucket = `contested-${++names}`;
      const attempts = ["a/", "a/b/"].map((keyPrefix) => namespaces.create(next({ bucket, keyPrefix }), TEST_ACTOR));
      const outcomes = await Promise.allSettled(attempts);
      const refused = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason.reason] : []));
      expect(refused).to.deep.equal(["PREFIX_OVERLAPS"]);
    });
  });

  describe("ensure", () => {
    it("makes a namespace once when two processes start at once", async () => {
      const wanted = next();
      const records = await Promise.all([1, 2, 3].map(() => namespaces.ensure(wanted)));
      expect(new Set(records.map(({ version }) => version)).size).to.equal(1);
    });

    it("leaves the limits of one that is there as they are", async () => {
      const wanted = next();
      const record = await namespaces.ensure(wanted);
      expect(await namespaces.ensure({ ...wanted, retentionMs: 86_400_000 })).to.deep.equal(record);
    });

    it("refuses one whose files are elsewhere", async () => {
      const wanted = next();
      await namespaces.ensure(wanted);
      for (const other of [{ bucket: "another" }, { region: "eu-west-1" }, { keyPrefix: "a/" }])
        await expectRefusal(namespaces.ensure({ ...wanted, ...other }), "ARGUMENT_INVALID");
    });
  });

  describe("update and setGrants", () => {
    it("change what they say, and nothing else", async () => {
      const made = await namespaces.create(next(), TEST_ACTOR);
      const updated = await namespaces.update(made.name, (before) => ({ ...before, retentionMs: 86_400_000 }), {
        actor: TEST_ACTOR,
      });
      const granted = await namespaces.setGrants(made.name, GRANTS, { actor: TEST_ACTOR });
      const { version, updateTime } = granted;
      expect(granted).to.deep.equal({ ...made, retentionMs: 86_400_000, grants: GRANTS, version, updateTime });
      expect([made.version < updated.version, updated.version < version]).to.deep.equal([true, true]);
    });

    it("hold only for the version that their caller has seen", async () => {
      const { name, version } = await namespaces.create(next(), TEST_ACTOR);
      const ifVersion = (await namespaces.setGrants(name, GRANTS, { ifVersion: version, actor: TEST_ACTOR })).version;
      await expectRefusal(namespaces.setGrants(name, [], { ifVersion: version, actor: TEST_ACTOR }), "ETAG_MISMATCH");
      await expectRefusal(
        namespaces.update(name, (before) => before, { ifVersion: version, actor: TEST_ACTOR }),
        "ETAG_MISMATCH",
      );
      await expectRefusal(namespaces.delete(name, { ifVersion: version, actor: TEST_ACTOR }), "ETAG_MISMATCH");
      expect(
        (await namespaces.update(name, (before) => before, { ifVersion, actor: TEST_ACTOR })).grants,
      ).to.deep.equal(GRANTS);
    });

    it("set quotas, and lift them", async () => {
      const quotas = { requestsPerSecondMax: 5, bytesPerDayMax: 0, principalStoredBytesMax: Number.MAX_SAFE_INTEGER };
      const made = await namespaces.create(next(), TEST_ACTOR);
      expect(made.requestsPerSecondMax).to.equal(undefined);
      expect(
        await namespaces.update(made.name, (before) => ({ ...before, ...quotas }), { actor: TEST_ACTOR }),
      ).to.include(quotas);
      const lift = { requestsPerSecondMax: undefined, bytesPerDayMax: undefined };
      const lifted = await namespaces.update(made.name, (before) => ({ ...before, ...lift }), { actor: TEST_ACTOR });
      expect(lifted).to.include({ ...quotas, ...lift });
    });

    it("change nothing when the change throws", async () => {
      const made = await namespaces.create(next(), TEST_ACTOR);
      const problem = new Error("refused");
      const attempt = () =>
        namespaces.update(
          made.name,
          () => {
            throw problem;
          },
          { actor: TEST_ACTOR },
        );
      expect(await catchError(attempt)).to.equal(problem);
      expect(await namespaces.create({ ...made }, TEST_ACTOR)).to.deep.include({ version: made.version });
    });

    it("know no namespace that never was", async () => {
      for (const change of [
        () => namespaces.update("never", (before) => before, { actor: TEST_ACTOR }),
        () => namespaces.setGrants("never", [], { actor: TEST_ACTOR }),
        () => namespaces.delete("never", { actor: TEST_ACTOR }),
      ])
        await expectRefusal(change(), "NAMESPACE_NOT_FOUND");
    });
  });

  describe("delete", () => {
    it("leaves a tombstone: the name is not used again, and its keys are free", async () => {
      const wanted = next();
      const { name, bucket } = await namespaces.create(wanted, TEST_ACTOR);
      await namespaces.setGrants(name, GRANTS, { actor: TEST_ACTOR });
      const deleted = await namespaces.delete(name, { actor: TEST_ACTOR });
      expect(deleted.deleteTime).to.be.instanceOf(Date);
      expect(deleted.grants).to.deep.equal([]);
      await expectRefusal(namespaces.create(wanted, TEST_ACTOR), "NAMESPACE_EXISTS");
      await expectRefusal(namespaces.ensure(wanted), "ARGUMENT_INVALID");
      for (const change of [
        () => namespaces.update(name, (before) => before, { actor: TEST_ACTOR }),
        () => namespaces.setGrants(name, GRANTS, { actor: TEST_ACTOR }),
        () => namespaces.delete(name, { actor: TEST_ACTOR }),
      ])
        await expectRefusal(change(), "NAMESPACE_NOT_FOUND");
      await namespaces.create(next({ bucket }), TEST_ACTOR);
    });

    it("refuses one with an unfinished upload, until that has ended", async () => {
      const { name } = await namespaces.create(next(), TEST_ACTOR);
      const endUpload = await subject.beginUpload(name);
      expect(await namespaces.usage(name)).to.include({ unfinishedUploads: 1 });
      const refusal = await expectRefusal(namespaces.delete(name, { actor: TEST_ACTOR }), "NAMESPACE_NOT_EMPTY");
      expect(refusal.details).to.include({ unfinished_uploads: 1, live_files: 0 });
      await endUpload();
      expect((await namespaces.delete(name, { actor: TEST_ACTOR })).deleteTime).not.to.equal(undefined);
    });
  });

  describe("listChanged", () => {
    it("tells what is newer than a version, deleted ones too, in the order of the changes", async () => {
      const [first, second, third] = [
        await namespaces.create(next(), TEST_ACTOR),
        await namespaces.create(next(), TEST_ACTOR),
        next(),
      ];
      const { version } = second;
      await namespaces.setGrants(first.name, GRANTS, { actor: TEST_ACTOR });
      await namespaces.create(third, TEST_ACTOR);
      await namespaces.delete(second.name, { actor: TEST_ACTOR });
      const changed = await namespaces.listChanged(version);
      expect(changed.map(({ name }) => name)).to.deep.equal([first.name, third.name, second.name]);
      expect(changed[2]?.deleteTime).to.be.instanceOf(Date);
    });

    it("misses none of many changes at once, wherever a reader goes on", async () => {
      const start = (await namespaces.create(next(), TEST_ACTOR)).version;
      const changes = Array.from({ length: 20 }, () => namespaces.create(next(), TEST_ACTOR));
      const seen: string[] = [];
      let version = start;
      let isChanging = true;
      const changed = Promise.all(changes).finally(() => {
        isChanging = false;
      });
      for (let isLast = false; !isLast; ) {
        isLast = !isChanging;
        for (const record of await namespaces.listChanged(version)) {
          seen.push(record.name);
          version = record.version;
        }
      }
      expect(seen).to.have.members((await changed).map(({ name }) => name));
    });
  });
}
