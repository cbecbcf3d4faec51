import { expect } from "chai";
import { WHOLE_NAMESPACE } from "../domain/access/path-scope.ts";
import type { Link } from "../domain/links/link.ts";
import type { LinkRepository } from "../domain/links/link-repository.ts";
import { nextUuid } from "../testing/rigs/database/repository-subject.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { type ListLinksRequest, listLinks } from "./list-links.ts";

const REQUEST: ListLinksRequest = { namespace: "default", path: "", pageSize: 0, pageToken: "", showEnded: false };

describe("listLinks", () => {
  const all = Array.from({ length: 3 }, () => ({ linkId: nextUuid() }) as Link).reverse();
  const list: LinkRepository["list"] = async (_namespace, { limit, after }) => {
    const rest = all.filter(({ linkId }) => after === undefined || linkId < after);
    const links = rest.slice(0, limit);
    return { links, next: rest.length > limit ? links.at(-1)?.linkId : undefined };
  };
  const call = (request: Partial<ListLinksRequest> = {}) =>
    listLinks(
      { links: { list }, namespaces: sampleNamespaces() },
      { ...REQUEST, ...request },
      { caller: SAMPLE_CALLER, scope: WHOLE_NAMESPACE },
    );

  it("gives page after page", async () => {
    const first = await call({ pageSize: 2 });
    const second = await call({ pageSize: 2, pageToken: first.nextPageToken });
    expect([first.links.length, second.links.length, second.nextPageToken]).to.deep.equal([2, 1, ""]);
    expect((await call({ pageSize: 2 ** 31 - 1 })).links).to.have.length(3);
  });

  it("refuses tokens that are forged or of another listing, and negative page sizes", async () => {
    const { nextPageToken } = await call({ pageSize: 1 });
    const forged = Buffer.from(JSON.stringify(["x", "'; DROP TABLE link; --"])).toString("base64url");
    for (const request of [
      { pageToken: nextPageToken, showEnded: true },
      { pageToken: nextPageToken, path: "a" },
      { pageToken: forged },
      { pageToken: "x" },
      { pageToken: "x".repeat(100_000) },
    ]) {
      expect(await catchError(() => call(request))).to.include({ reason: "PAGE_TOKEN_INVALID" });
    }
    expect(await catchError(() => call({ pageSize: -1 }))).to.include({ field: "page_size" });
    expect(await catchError(() => call({ path: "a/../b" }))).to.include({ reason: "PATH_INVALID" });
    expect(await catchError(() => call({ namespace: "b" }))).to.include({ reason: "NAMESPACE_NOT_FOUND" });
  });
});
