import { expect } from "chai";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../../devstack/replicated-postgres.ts";
import { ensureNamespace } from "../../testing/rigs/database/ensure-namespace.ts";
import { commitFile, expectRefusal, nextPath } from "../../testing/rigs/database/repository-subject.ts";
import { pauseProcesses } from "../../testing/rigs/service/pause-processes.ts";
import { until } from "../../testing/rigs/until.ts";
import { createFileRepository } from "../files/file-repository.ts";
import { createCommitMarks } from "../journal/commit-marks.ts";
import { createUploadRepositories } from "../uploads/upload-repositories.ts";
import { createDatabasePools, type DatabasePools } from "./pool.ts";

describe("createReadPool", () => {
  let servers: ReplicatedPostgres;
  let pools: DatabasePools;
  const changes: boolean[] = [];
  before(async () => {
    servers = await startReplicatedPostgres();
    const { url, readUrl } = servers;
    pools = await createDatabasePools({
      url,
      replica: { url: readUrl },
      onReplicaChange: (isUsable) => changes.push(isUsable),
    });
    await ensureNamespace(pools.commands);
  });
  after(async () => {
    await pools?.end();
    await servers?.stop();
  });
  const files = () => createFileRepository(pools);
  /** Commits a file; its path, and a position behind the commit. */
  const commit = async () => {
    const path = nextPath();
    await commitFile({ uploads: createUploadRepositories(pools.commands) }, path);
    const position = await createCommitMarks(pools.commands).draw();
    return { path, position };
  };

  it("waits for a replica that is a little behind", async () => {
    for (let round = 0; round < 5; round++) {
      const { path, position } = await commit();
      expect((await files().get("default", path, { position })).path).to.equal(path);
    }
  });

  it("asks the primary where a replica is further behind, for callers with a position alone", async () => {
    await servers.pauseReplay();
    try {
      const { path, position } = await commit();
      await expectRefusal(files().get("default", path), "FILE_NOT_FOUND");
      expect((await files().get("default", path, { position })).path).to.equal(path);
      const page = await files().list("default", { prefix: path, limit: 1, showDeleted: false, position });
      expect(page.files).to.have.length(1);
      await servers.resumeReplay();
      await until("the replica has it too", async () => {
        return await files()
          .get("default", path)
          .then(
            () => true,
            () => false,
          );
      });
    } finally {
      await servers.resumeReplay();
    }
  });

  it("goes to the primary while the replica is away, and comes back", async () => {
    changes.splice(0);
    const { path, position } = await commit();
    await servers.stopReplica();
    for (let call = 0; call < 20; call++) {
      expect((await files().get("default", path, call % 2 === 0 ? {} : { position })).path).to.equal(path);
    }
    expect(changes, "told once").to.deep.equal([false]);
    await servers.startReplica();
    await until("the replica is used again", async () => {
      await files().get("default", path, { position });
      return changes.at(-1) === true;
    });
    expect(changes).to.deep.equal([false, true]);
  });

  it("goes to the primary when the replica falls silent, also with the reads that wait there, and comes back", async () => {
    const { path } = await commit();
    await until("the replica has it", async () => {
      return await files()
        .get("default", path)
        .then(
          () => true,
          () => false,
        );
    });
    changes.splice(0);
    const resume = await pauseProcesses(servers.replicaPid);
    try {
      const waiting = files().get("default", path);
      await until("the checks have found out", async () => {
        await pools.check();
        return changes.includes(false);
      });
      expect((await waiting).path).to.equal(path);
      expect((await files().get("default", path)).path).to.equal(path);
    } finally {
      resume();
    }
    await until("the replica is used again", async () => {
      await pools.check();
      await files().get("default", path);
      return changes.at(-1) === true;
    });
  });

  it("keeps nobody from starting who finds no replica", async () => {
    const { path } = await commit();
    await servers.stopReplica();
    const others = await createDatabasePools({ url: servers.url, replica: { url: servers.readUrl } });
    try {
      await others.check();
      expect((await createFileRepository(others).get("default", path)).path).to.equal(path);
    } finally {
      await others.end();
      await servers.startReplica();
    }
  });
});
