import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import { createPostgresSubject } from "../../testing/rigs/postgres-subject.ts";
import { commitFile, nextIdentity, nextPath, RETENTION_MS } from "../../testing/rigs/repository-subject.ts";
import { createFileChangeFeed, forgetFileChanges } from "./file-changes.ts";

describe("createFileChangeFeed", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
  });
  after(() => subject.close());
  const createFeed = (options = {}) => createFileChangeFeed(subject.pools.commands, options);
  const pathsOf = async (feed: ReturnType<typeof createFeed>) =>
    (await feed.poll()).paths?.map(({ path }) => path).sort();

  it("knows nothing at first, then tells each change of a path once, by position", async () => {
    const [path, feed] = [nextPath(), createFeed()];
    const first = await feed.poll();
    expect(first.paths).to.equal(undefined);
    await commitFile(subject, path);
    const second = await feed.poll();
    expect(second.paths).to.deep.equal([{ namespace: "default", path }]);
    expect(second.position > first.position).to.equal(true);
    expect(await pathsOf(feed)).to.deep.equal([]);
    await subject.files.delete("default", path, {
      identity: nextIdentity({ method: "DeleteFile" }),
      retentionMs: RETENTION_MS,
    });
    expect(await pathsOf(feed)).to.deep.equal([path]);
    await subject.files.undelete("default", path, { identity: nextIdentity({ method: "UndeleteFile" }) });
    expect(await pathsOf(feed)).to.deep.equal([path]);
  });

  it("tells both paths of a file that has moved", async () => {
    const [from, to] = [`${nextPath()}/a`, `${nextPath()}/b`];
    await commitFile(subject, from);
    const feed = createFeed();
    await feed.poll();
    await subject.pools.commands.query(sql.unsafe`UPDATE file SET path = ${to} WHERE path = ${from}`);
    expect(await pathsOf(feed)).to.deep.equal([from, to].sort());
  });

  it("misses no change of a transaction that is slower than later ones", async () => {
    const [slow, fast] = [`${nextPath()}/slow`, `${nextPath()}/fast`];
    for (const path of [slow, fast]) await commitFile(subject, path);
    const feed = createFeed();
    await feed.poll();
    const client = new Client({ connectionString: subject.url });
    await client.connect();
    try {
      await client.query("BEGIN");
      await client.query("UPDATE file SET labels = '{}' WHERE path = $1", [slow]);
      await commitFile(subject, fast);
      expect(await pathsOf(feed)).to.deep.equal([fast]);
      expect(await pathsOf(feed), "told once, though it is read again").to.deep.equal([]);
      await client.query("COMMIT");
      expect(await pathsOf(feed)).to.deep.equal([slow]);
      expect(await pathsOf(feed)).to.deep.equal([]);
    } finally {
      await client.end();
    }
  });

  it("tells nothing of a change that was rolled back", async () => {
    const path = nextPath();
    await commitFile(subject, path);
    const feed = createFeed();
    await feed.poll();
    const rolledBack = subject.pools.commands.transaction(async (transaction) => {
      await transaction.query(sql.unsafe`UPDATE file SET labels = '{}' WHERE path = ${path}`);
      throw new Error("not so");
    });
    expect(await rolledBack.catch((error: Error) => error.message)).to.equal("not so");
    expect(await pathsOf(feed)).to.deep.equal([]);
  });

  it("gives up telling which where it is more than a poll takes, and goes on after", async () => {
    const feed = createFeed({ changesMax: 2 });
    await feed.poll();
    for (let files = 0; files < 3; files++) await commitFile(subject, nextPath());
    expect(await pathsOf(feed)).to.equal(undefined);
    await commitFile(subject, nextPath());
    expect(await pathsOf(feed)).to.have.length(1);
  });

  it("forgets old changes, no more than asked at once", async () => {
    const { commands } = subject.pools;
    const count = () => commands.oneFirst(sql.unsafe`SELECT count(*) FROM file_change`);
    const before = Number(await count());
    expect(before).to.be.greaterThan(5);
    await forgetFileChanges(commands, { olderThanMs: 60_000, limit: 100 });
    expect(await count()).to.equal(before);
    await forgetFileChanges(commands, { olderThanMs: 0, limit: 2 });
    expect(await count()).to.equal(before - 2);
  });
});
