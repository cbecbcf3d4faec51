import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import { LINK_LIMITS } from "../../domain/links/link.ts";
import { linkRepositoryContract } from "../../testing/contracts/link-repository-contract.ts";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { commitFile, nextIdentity, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { LINKS_SCANNED_MAX } from "./link-repository.ts";

describe("createLinkRepository", () => {
  linkRepositoryContract(createPostgresSubject);

  describe("among many links", () => {
    let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
    before(async () => {
      subject = await createPostgresSubject();
      const count = LINKS_SCANNED_MAX + 10;
      await subject.pools.commands.query(sql.unsafe`
        ${enteredByTest} INSERT INTO link (link_id, namespace, path, token_sha256, principal, download_name, inline, note, max_uses,
          expire_time)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'default', 'p' || n % 100, sha256(n::text::bytea), 'dev', '', false, '', 0,
          CASE WHEN n <= 5 THEN now() + interval '1 day' ELSE now() - interval '1 day' END
        FROM generate_series(1, ${count}) n`);
      await subject.pools.commands.query(sql.unsafe`ANALYZE link`);
    });
    after(() => subject.close());

    it("ends a page that has looked at enough, and says where to go on", async () => {
      const query = { path: undefined, scope: [""], showEnded: false, limit: 100 };
      const first = await subject.links.list("default", { ...query, after: undefined });
      expect(first.links).to.deep.equal([]);
      const second = await subject.links.list("default", { ...query, after: first.next });
      expect([second.links.length, second.next]).to.deep.equal([5, undefined]);
    });

    it("opens and lists by its indexes", async () => {
      const plan = async (query: ReturnType<typeof sql.unsafe>) => {
        const row = z.object({ "QUERY PLAN": z.string() });
        const lines = await subject.pools.commands.any(sql.type(row)`EXPLAIN ${query}`);
        return lines.map((line) => line["QUERY PLAN"]).join("\n");
      };
      const byToken = await plan(sql.unsafe`SELECT FROM link l WHERE l.token_sha256 = sha256('1'::bytea)`);
      expect(byToken).to.include("link_token_sha256_key");
      const newest = await plan(sql.unsafe`
        SELECT l.* FROM link l WHERE l.namespace = 'default' AND l.path = 'p1' AND l.link_id < ${nextUuid()}::uuid
        ORDER BY l.link_id DESC LIMIT 100`);
      expect(newest).to.include("link_newest_of_path").and.not.include("Sort");
    });
  });

  it("records who used a link, of its last uses", async () => {
    const subject = await createPostgresSubject();
    try {
      const { fileId = "" } = (await commitFile(subject, "a")).file ?? {};
      const tokenSha256 = Buffer.alloc(32, 1);
      const described = { downloadName: "", inline: false, note: "", maxUses: 0, principal: "dev:tester" };
      const link = { linkId: nextUuid(), namespace: "default", path: "a", fileId, generation: undefined, tokenSha256 };
      const expiry = { afterMs: 60_000 };
      await subject.links.create({ ...link, ...described, expiry }, nextIdentity({ method: "CreateLink" }));
      const visitor = { sourceAddress: "2001:db8::1", userAgent: "curl/8" };
      await subject.links.use(tokenSha256, visitor);
      const row = z.object({ use_number: z.int(), source_address: z.string(), user_agent: z.string() });
      const uses = await subject.pools.commands.any(
        sql.type(row)`SELECT use_number, source_address, user_agent FROM link_use`,
      );
      expect(uses).to.deep.equal([{ use_number: 1, source_address: "2001:db8::1", user_agent: "curl/8" }]);
      for (let use = 2; use <= LINK_LIMITS.usesKept + 5; use++) {
        await subject.links.use(tokenSha256, visitor);
      }
      const kept = await subject.pools.commands.one(
        sql.type(z.object({ first: z.int(), last: z.int(), count: z.int() }))`
          SELECT min(use_number) AS first, max(use_number) AS last, count(*) AS count FROM link_use`,
      );
      expect(kept).to.deep.equal({ first: 6, last: LINK_LIMITS.usesKept + 5, count: LINK_LIMITS.usesKept });
    } finally {
      await subject.close();
    }
  });
});
