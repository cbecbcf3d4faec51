import { createHash } from "node:crypto";
import { expect } from "chai";
import { NO_PATH, type PathScope, WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import type { LinkRepository, NewLink } from "../../domain/links/link-repository.ts";
import {
  commitFile,
  expectRefusal,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  TEST_ACTOR,
} from "../rigs/database/repository-subject.ts";

const HOUR_MS = 3_600_000;
const VISITOR = { sourceAddress: "192.0.2.7", userAgent: "Robert'); DROP TABLE link;--" };

type LinkSubject = RepositorySubject & { links: LinkRepository };

/** The contract of every LinkRepository. `make` is called once. */
export function linkRepositoryContract(make: () => Promise<LinkSubject>): void {
  let subject: LinkSubject;
  before(async () => {
    subject = await make();
  });
  after(() => subject.close());

  let tokens = 0;
  const nextToken = () => createHash("sha256").update(`token ${++tokens}`).digest();
  /** A link to a file; to a fresh one where none is named. */
  const newLink = async (overrides: Partial<NewLink> = {}): Promise<NewLink> => ({
    ...(await toTarget(overrides)),
    linkId: nextUuid(),
    namespace: "default",
    generation: undefined,
    tokenSha256: nextToken(),
    principal: "dev:tester",
    downloadName: 'it\'s "100%" \u{1f600}.pdf',
    inline: false,
    note: "'; DELETE FROM link; --",
    maxUses: 0,
    expiry: { afterMs: HOUR_MS },
    ...overrides,
  });
  const command = () => nextIdentity({ method: "CreateLink" });
  const create = async (overrides: Partial<NewLink> = {}) => {
    const wanted = await newLink(overrides);
    const { link } = await subject.links.create(wanted, command());
    return { ...link, tokenSha256: wanted.tokenSha256 };
  };
  const toTarget = async ({ path, generation }: Partial<NewLink>) => {
    const of = path ?? (await commitFile(subject, nextPath())).path;
    const { fileId } = await subject.files.get("default", of, generation === undefined ? {} : { generation });
    return { path: of, fileId };
  };
  const use = (tokenSha256: Uint8Array) => subject.links.use(tokenSha256, VISITOR);
  const peek = (tokenSha256: Uint8Array) => subject.links.peek(tokenSha256);

  describe("create", () => {
    it("counts its life from when it is made, or ends it at a time, by the clock that judges it", async () => {
      const lasting = await create({ expiry: { afterMs: HOUR_MS } });
      expect(lasting.expireTime.getTime() - lasting.createTime.getTime()).to.equal(HOUR_MS);
      const at = new Date((await subject.links.now()).getTime() + HOUR_MS);
      expect((await create({ expiry: { at } })).expireTime).to.deep.equal(at);
    });

    it("keeps what it was given, and no token", async () => {
      const wanted = await newLink({ generation: 1, inline: true, maxUses: 7 });
      const { link, isTokenSet } = await subject.links.create(wanted, command());
      const { tokenSha256: _, fileId: __, expiry: ___, ...rest } = wanted;
      expect(link).to.deep.include({
        ...rest,
        uses: 0,
        lastUseTime: undefined,
        revokeTime: undefined,
        state: "active",
      });
      expect(link).not.to.have.property("tokenSha256");
      expect(isTokenSet).to.equal(true);
    });

    it("makes one link of a repeated command: the last token opens it, until it is used", async () => {
      const path = nextPath();
      await commitFile(subject, path);
      const identity = command();
      const [first, second, third] = [await newLink({ path }), await newLink({ path }), await newLink({ path })];
      const { link } = await subject.links.create(first, identity);
      const again = await subject.links.create(second, identity);
      expect(again).to.deep.include({ isTokenSet: true });
      expect(again.link.linkId).to.equal(link.linkId);
      expect(await peek(first.tokenSha256)).to.deep.equal({ kind: "nothing" });
      expect(await use(second.tokenSha256)).to.include({ kind: "file" });
      expect(await subject.links.create(third, identity)).to.deep.include({ isTokenSet: false });
      expect(await peek(third.tokenSha256)).to.deep.equal({ kind: "nothing" });
      expect(await peek(second.tokenSha256)).to.include({ kind: "file" });
      const other = { ...identity, contentSha256: Buffer.alloc(32, 9) };
      await expectRefusal(subject.links.create(await newLink({ path }), other), "REQUEST_ID_REUSED");
    });
  });

  describe("use", () => {
    it("gives the live file, counts, and says when it was used last", async () => {
      const { tokenSha256, path, linkId } = await create();
      await commitFile(subject, path);
      const before = await peek(tokenSha256);
      expect(before).to.deep.include({ kind: "file" });
      for (const uses of [1, 2]) {
        const opened = await use(tokenSha256);
        if (opened.kind !== "file") return expect.fail(opened.kind);
        expect(opened.link).to.include({ linkId, uses });
        expect(opened.link.lastUseTime).to.be.instanceOf(Date);
        expect(opened.file).to.include({ path, generation: 2 });
      }
    });

    it("gives the generation that it is pinned to", async () => {
      const { tokenSha256, path } = await create({ generation: 1 });
      await commitFile(subject, path);
      const opened = await use(tokenSha256);
      expect(opened.kind === "file" && opened.file.generation).to.equal(1);
    });

    it("lets as many use it as it was made for, however many race", async () => {
      const { tokenSha256, linkId } = await create({ maxUses: 2 });
      const opened = await Promise.all(Array.from({ length: 8 }, () => use(tokenSha256)));
      expect(opened.filter(({ kind }) => kind === "file")).to.have.length(2);
      expect(opened.filter(({ kind }) => kind === "ended")).to.have.length(6);
      expect(await peek(tokenSha256)).to.deep.equal({ kind: "ended" });
      const link = await subject.links.revoke("default", linkId, TEST_ACTOR);
      expect(link).to.include({ uses: 2 });
    });

    it("gives nothing once it is expired or revoked", async () => {
      const expired = await create({ expiry: { at: new Date((await subject.links.now()).getTime() - 1) } });
      expect(expired.state).to.equal("expired");
      expect(await use(expired.tokenSha256)).to.deep.equal({ kind: "ended" });
      const { tokenSha256, linkId } = await create();
      const revoked = await subject.links.revoke("default", linkId, TEST_ACTOR);
      expect(revoked.state).to.equal("revoked");
      expect(await subject.links.revoke("default", linkId, TEST_ACTOR), "again").to.deep.equal(revoked);
      expect(await use(tokenSha256)).to.deep.equal({ kind: "ended" });
    });

    it("gives nothing while its file is deleted, and the file again once that is restored", async () => {
      const { tokenSha256, path } = await create();
      const pinned = await create({ path, generation: 1 });
      const identity = nextIdentity({ method: "DeleteFile" });
      await subject.files.delete("default", path, { identity, retentionMs: RETENTION_MS });
      for (const token of [tokenSha256, pinned.tokenSha256]) {
        expect(await use(token)).to.deep.equal({ kind: "nothing" });
        expect(await peek(token)).to.deep.equal({ kind: "nothing" });
      }
      await subject.files.undelete("default", path, { identity: nextIdentity({ method: "UndeleteFile" }) });
      const opened = await use(tokenSha256);
      expect(opened.kind === "file" && opened.link.uses).to.equal(1);
      expect(await use(pinned.tokenSha256)).to.include({ kind: "file" });
    });

    it("gives nothing for a token that nobody has", async () => {
      expect(await use(nextToken())).to.deep.equal({ kind: "nothing" });
    });
  });

  describe("when its file is moved", () => {
    const move = (path: string, targetPath = nextPath()) =>
      subject.files.move("default", path, {
        identity: nextIdentity({ method: "MoveFile" }),
        targetPath,
        retentionMs: RETENTION_MS,
      });
    const restore = (path: string, generation: number) =>
      subject.files.restoreGeneration("default", path, {
        identity: nextIdentity({ method: "RestoreGeneration" }),
        generation,
        retentionMs: RETENTION_MS,
      });
    const gives = async (tokenSha256: Uint8Array) => {
      const opened = await use(tokenSha256);
      if (opened.kind !== "file") return opened.kind;
      expect([opened.link.path, opened.link.generation ?? opened.file.generation]).to.deep.equal([
        opened.file.path,
        opened.file.generation,
      ]);
      return opened.file.fileId;
    };

    it("gives it where it is now, and later generations there, not what comes to the old path", async () => {
      const { path, tokenSha256, linkId } = await create();
      const { fileId, path: target } = await move(path);
      const { file: newcomer } = await commitFile(subject, path);
      expect(await gives(tokenSha256)).to.equal(fileId);
      expect(await gives((await create({ path })).tokenSha256)).to.equal(newcomer?.fileId);
      const { file: next } = await commitFile(subject, target);
      expect(await gives(tokenSha256)).to.equal(next?.fileId);
      const back = await move(target);
      expect(await gives(tokenSha256)).to.equal(back.fileId);
      const { links } = await subject.links.list("default", {
        path: back.path,
        scope: WHOLE_NAMESPACE,
        showEnded: false,
        limit: 9,
        after: undefined,
      });
      expect(links.map((link) => link.linkId)).to.deep.equal([linkId]);
    });

    it("gives the generation that it is pinned to, under whatever number, and leaves those of older ones", async () => {
      const { path, file: first } = await commitFile(subject, nextPath());
      const old = await create({ path, generation: 1 });
      const { file: second } = await commitFile(subject, path);
      const pinned = await create({ path, generation: 2 });
      const { path: target } = (await commitFile(subject, nextPath())).file ?? { path: "" };
      const present = await create({ path: target });
      expect(await move(path, target)).to.include({ generation: 2 });
      for (const link of [pinned, present]) expect(await gives(link.tokenSha256)).to.equal(second?.fileId);
      expect(await gives(old.tokenSha256)).to.equal(first?.fileId);
      expect(await restore(path, 1)).to.include({ generation: 3 });
      expect(await gives(old.tokenSha256)).to.equal(first?.fileId);
      await subject.files.delete("default", target, { identity: nextIdentity(), retentionMs: RETENTION_MS });
      expect(await gives(pinned.tokenSha256)).to.equal("nothing");
      await restore(target, 2);
      expect(await gives(pinned.tokenSha256)).to.equal(second?.fileId);
      expect(await gives(present.tokenSha256)).to.equal(second?.fileId);
    });

    it("stays revoked, and counts on", async () => {
      const { path, tokenSha256 } = await create({ maxUses: 2 });
      const revoked = await create({ path });
      await subject.links.revoke("default", revoked.linkId, TEST_ACTOR);
      await gives(tokenSha256);
      const { path: target, fileId } = await move(path);
      expect(await gives(tokenSha256)).to.equal(fileId);
      await move(target);
      expect(await gives(tokenSha256)).to.equal("ended");
      expect(await gives(revoked.tokenSha256)).to.equal("ended");
    });

    it("is made to where the file is, when that moves at the same time, and never stops on the way", async () => {
      for (let round = 0; round < 10; round++) {
        const { path, fileId = "" } = (await commitFile(subject, nextPath())).file ?? { path: "" };
        const early = await create({ path });
        const wanted = { ...(await newLink({ path })), path, fileId };
        const [, , ...opened] = await Promise.all([
          subject.links.create(wanted, command()),
          move(path).then(({ path: target }) => move(target)),
          ...[early, early, early].map(({ tokenSha256 }) => gives(tokenSha256)),
        ]);
        expect(opened).to.deep.equal([fileId, fileId, fileId]);
        expect(await gives(wanted.tokenSha256)).to.equal(fileId);
      }
    });
  });

  it("does not find a link that is not there, or of another namespace", async () => {
    await expectRefusal(subject.links.revoke("default", nextUuid(), TEST_ACTOR), "LINK_NOT_FOUND");
    const { linkId } = await create();
    await expectRefusal(subject.links.revoke("other", linkId, TEST_ACTOR), "LINK_NOT_FOUND");
  });

  it("lists the newest first, page by page, those of one path, and those that have ended where asked for", async () => {
    const { path } = await commitFile(subject, nextPath());
    const made = [];
    for (let count = 0; count < 5; count++) made.push((await create({ path })).linkId);
    await create();
    const [ended = "", ...active] = made;
    await subject.links.revoke("default", ended, TEST_ACTOR);
    const list = (options: { showEnded?: boolean; after?: string; limit?: number; namespace?: string } = {}) =>
      subject.links.list(options.namespace ?? "default", {
        path,
        scope: WHOLE_NAMESPACE,
        showEnded: options.showEnded ?? false,
        limit: options.limit ?? 10,
        after: options.after,
      });
    const idsOf = (page: { links: { linkId: string }[] }) => page.links.map(({ linkId }) => linkId);
    expect(idsOf(await list())).to.deep.equal(active.toReversed());
    expect(idsOf(await list({ showEnded: true }))).to.deep.equal(made.toReversed());
    expect(await list({ namespace: "other" })).to.deep.equal({ links: [], next: undefined });
    const first = await list({ limit: 3 });
    expect(idsOf(first)).to.deep.equal(active.toReversed().slice(0, 3));
    const second = await list({ limit: 3, ...(first.next !== undefined && { after: first.next }) });
    expect([idsOf(second), second.next]).to.deep.equal([active.slice(0, 1), undefined]);
    const all = await subject.links.list("default", {
      path: undefined,
      scope: WHOLE_NAMESPACE,
      showEnded: true,
      limit: 1000,
      after: undefined,
    });
    expect(idsOf(all)).to.include.members(made).and.have.length.above(5);
  });

  it("lists the links of a scope's files alone", async () => {
    const paths = ["links-a/x", "links-a/b/y", "links-b/z", "links-ab/z"];
    const made = new Map<string, string>();
    for (const path of paths) {
      await commitFile(subject, path);
      made.set((await create({ path })).linkId, path);
    }
    const list = async (scope: PathScope) => {
      const options = { path: undefined, scope, showEnded: true, limit: 1000, after: undefined };
      const { links } = await subject.links.list("default", options);
      return links.flatMap(({ linkId }) => made.get(linkId) ?? []);
    };
    expect(await list(["links-a/"])).to.have.members(["links-a/x", "links-a/b/y"]);
    expect(await list(["links-a/b/", "links-b/"])).to.have.members(["links-a/b/y", "links-b/z"]);
    expect(await list(WHOLE_NAMESPACE)).to.have.members(paths);
    expect(await list(NO_PATH)).to.deep.equal([]);
  });

  it("forgets links that have long been over, with their uses", async () => {
    const old = await create({ expiry: { afterMs: -2 * HOUR_MS } });
    const { linkId } = await create();
    expect(await subject.links.forget({ olderThanMs: HOUR_MS, limit: 10 })).to.equal(1);
    expect(await use(old.tokenSha256)).to.deep.equal({ kind: "nothing" });
    expect((await subject.links.revoke("default", linkId, TEST_ACTOR)).linkId).to.equal(linkId);
  });
}
