import { expect } from "chai";
import { WHOLE_NAMESPACE } from "../domain/access/path-scope.ts";
import { FakeLinkRepository } from "../testing/fakes/fake-link-repository.ts";
import { nextIdentity, nextUuid } from "../testing/rigs/database/repository-subject.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { type ListLinksRequest, listLinks } from "./list-links.ts";

const REQUEST: ListLinksRequest = { namespace: "default", path: "", pageSize: 0, pageToken: "", showEnded: false };

describe("listLinks", () => {
  const links = new FakeLinkRepository({ get: async () => sampleFile() });
  const call = (request: Partial<ListLinksRequest> = {}) =>
    listLinks(
      { links, namespaces: sampleNamespaces() },
      { ...REQUEST, ...request },
      { caller: SAMPLE_CALLER, scope: WHOLE_NAMESPACE },
    );

  before(async () => {
    for (let count = 0; count < 3; count++) {
      const expiry = { afterMs: 60_000 };
      const described = { downloadName: "", inline: false, note: "", maxUses: 0, principal: "dev:tester", expiry };
      const named = { linkId: nextUuid(), fileId: nextUuid(), namespace: "default", path: "a", generation: undefined };
      const link = { ...named, ...described, tokenSha256: Buffer.alloc(32, count) };
      await links.create(link, nextIdentity({ method: "CreateLink" }));
    }
  });

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
