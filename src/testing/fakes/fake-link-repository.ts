import { isInScope } from "../../domain/access/path-scope.ts";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { type Link, toLinkState } from "../../domain/links/link.ts";
import type { LinkPage, LinkRepository, LinkVisitor, NewLink, OpenedLink } from "../../domain/links/link-repository.ts";
import { linkNotFound } from "../../domain/repository-refusals.ts";
import { FakeFileRepository, type FileStep } from "./fake-file-repository.ts";
import { FakeRequests } from "./fake-requests.ts";

type Row = Omit<Link, "state"> & { token: string };

/** Links in memory. Trusted because they pass the same contract suite as those in PostgreSQL. */
export class FakeLinkRepository implements LinkRepository {
  readonly #rows = new Map<string, Row>();
  readonly #requests = new FakeRequests();
  readonly #files: Pick<FileRepository, "get">;
  readonly #now: () => number;
  /** Who used which link. */
  readonly uses: (LinkVisitor & { linkId: string })[] = [];

  constructor(files: Pick<FileRepository, "get">, now: () => number = Date.now) {
    this.#files = files;
    this.#now = now;
    if (files instanceof FakeFileRepository) files.follow((step) => this.#goAlong(step));
  }

  async now(): Promise<Date> {
    return new Date(this.#now());
  }

  async create(link: NewLink, identity: CommandIdentity): Promise<{ link: Link; isTokenSet: boolean }> {
    const { tokenSha256, fileId: _fileId, expiry, ...rest } = link;
    const token = toKey(tokenSha256);
    const earlierId = this.#requests.find(identity);
    if (earlierId !== undefined) {
      const earlier = this.#require(rest.namespace, earlierId);
      const isTokenSet = earlier.uses === 0;
      if (isTokenSet) earlier.token = token;
      return { link: this.#toLink(earlier), isTokenSet };
    }
    const fresh = { uses: 0, lastUseTime: undefined, createTime: new Date(this.#now()), revokeTime: undefined };
    const expireTime = "at" in expiry ? expiry.at : new Date(this.#now() + expiry.afterMs);
    const row: Row = { ...structuredClone(rest), ...fresh, expireTime, token };
    this.#rows.set(row.linkId, row);
    this.#requests.add(identity, row.linkId);
    return { link: this.#toLink(row), isTokenSet: true };
  }

  async revoke(namespace: string, linkId: string): Promise<Link> {
    const row = this.#require(namespace, linkId);
    row.revokeTime ??= new Date(this.#now());
    return this.#toLink(row);
  }

  async list(namespace: string, options: Parameters<LinkRepository["list"]>[1]): Promise<LinkPage> {
    const { path, scope, showEnded, limit, after } = options;
    const found = [...this.#rows.values()]
      .filter((row) => row.namespace === namespace && (path === undefined || row.path === path))
      .filter((row) => isInScope(scope, row.path))
      .filter((row) => after === undefined || row.linkId < after)
      .map((row) => this.#toLink(row))
      .filter((link) => showEnded || link.state === "active")
      .sort((a, b) => (a.linkId < b.linkId ? 1 : -1));
    const links = found.slice(0, limit);
    return { links, next: found.length > limit ? links.at(-1)?.linkId : undefined };
  }

  async peek(tokenSha256: Uint8Array): Promise<OpenedLink> {
    const row = this.#find(tokenSha256);
    if (row === undefined) return { kind: "nothing" };
    if (this.#toLink(row).state !== "active") return { kind: "ended" };
    const link = this.#toLink(row);
    const file = await this.#findFile(link);
    // Another call may have moved the link while the file was read.
    if (row.path !== link.path || row.generation !== link.generation) return await this.peek(tokenSha256);
    return file === undefined ? { kind: "nothing" } : { kind: "file", link, file };
  }

  async use(tokenSha256: Uint8Array, visitor: LinkVisitor): Promise<OpenedLink> {
    const opened = await this.peek(tokenSha256);
    const row = this.#find(tokenSha256);
    if (opened.kind !== "file" || row === undefined) return opened;
    // Another call may have been faster while the file was read.
    if (this.#toLink(row).state !== "active") return { kind: "ended" };
    row.uses++;
    row.lastUseTime = new Date(this.#now());
    this.uses.push({ linkId: row.linkId, ...visitor });
    const { uses, lastUseTime, state } = this.#toLink(row);
    return { ...opened, link: { ...opened.link, uses, lastUseTime, state } };
  }

  async forget({ olderThanMs, limit }: { olderThanMs: number; limit: number }): Promise<number> {
    const old = [...this.#rows.values()]
      .filter((row) => row.expireTime.getTime() < this.#now() - olderThanMs)
      .slice(0, limit);
    for (const { linkId } of old) this.#rows.delete(linkId);
    return old.length;
  }

  #goAlong({ namespace, from, to }: FileStep): void {
    for (const row of this.#rows.values()) {
      if (row.namespace !== namespace || row.path !== from.path) continue;
      if (row.generation === undefined || row.generation === from.generation) row.path = to.path;
      if (row.generation === from.generation) row.generation = to.generation;
    }
  }

  #find(tokenSha256: Uint8Array): Row | undefined {
    const token = toKey(tokenSha256);
    return [...this.#rows.values()].find((row) => row.token === token);
  }

  async #findFile({
    namespace,
    path,
    generation,
  }: Pick<Row, "namespace" | "path" | "generation">): Promise<File | undefined> {
    const which = generation === undefined ? {} : { generation };
    const file = await this.#files.get(namespace, path, which).catch(() => undefined);
    return file?.deleteTime === undefined ? file : undefined;
  }

  #require(namespace: string, linkId: string): Row {
    const row = this.#rows.get(linkId);
    if (row?.namespace !== namespace) throw linkNotFound(linkId);
    return row;
  }

  #toLink({ token: _, ...row }: Row): Link {
    return structuredClone({ ...row, state: toLinkState(row, new Date(this.#now())) });
  }
}

function toKey(tokenSha256: Uint8Array): string {
  return Buffer.from(tokenSha256).toString("hex");
}
