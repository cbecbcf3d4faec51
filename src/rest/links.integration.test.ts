import { randomUUID } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { LinkState } from "../../gen/sluice/v1/link_pb.ts";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../testing/rigs/service/running-service.ts";

describe("Links of a running service", () => {
  let service: RunningService;
  let client: SluiceClient;
  let commands: Client<typeof FileCommandService>;
  let queries: Client<typeof FileQueryService>;
  const authorized = { headers: { authorization: `Bearer ${SERVICE_TOKEN}` } };
  const content = Buffer.from("linked bytes");

  before(async () => {
    service = await startService();
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    const transport = createGrpcTransport({ baseUrl: service.url });
    commands = createClient(FileCommandService, transport);
    queries = createClient(FileQueryService, transport);
    await client.upload(content, "a/ü.txt");
  });
  after(async () => {
    client?.close();
    await service?.stop();
  });

  const create = async (options: { maxUses?: number; path?: string; downloadName?: string; inline?: boolean } = {}) => {
    const request = { requestId: randomUUID(), namespace: "default", path: "a/ü.txt", ...options };
    const { link, url } = await commands.createLink(request, authorized);
    return { linkId: link?.linkId ?? "", url };
  };
  const list = async () =>
    (await queries.listLinks({ namespace: "default", path: "a/ü.txt", showEnded: true }, authorized)).links;
  const visit = (url: string, method = "GET") =>
    fetch(url, { method, redirect: "manual", headers: { connection: "close", "user-agent": "ü".repeat(300) } });

  it("give the file to whoever holds the URL, to be saved", async () => {
    const { url, linkId } = await create({ downloadName: 'a"; x=y.txt' });
    expect(url).to.match(new RegExp(`^${service.url}/l/[\\w-]{43}$`));
    const head = await visit(url, "HEAD");
    expect([head.status, head.headers.get("content-length")]).to.deep.equal([200, String(content.length)]);
    expect(head.headers.get("referrer-policy"), "no site hears of the link").to.equal("no-referrer");
    const answer = await fetch(url, { headers: { connection: "close" } });
    expect(Buffer.from(await answer.arrayBuffer()).equals(content)).to.equal(true);
    expect(answer.headers.get("content-disposition")).to.match(/^attachment; filename="a_; x=y\.txt"/);
    const link = (await list()).find((one) => one.linkId === linkId);
    expect(link).to.include({ uses: 1n, state: LinkState.ACTIVE, principal: "dev:local" });
    const location = (await visit(url)).headers.get("location") ?? "";
    expect(Number(new URL(location).searchParams.get("X-Amz-Expires"))).to.be.at.most(60);
  });

  it("have shown what only displays, and saved what can hold scripts", async () => {
    const types = { "a.png": "image/png", "a.html": "text/html", "a.svg": "image/svg+xml" };
    const told = Object.entries(types).map(async ([path, contentType]) => {
      await client.upload(content, path, { contentType });
      const { url } = await create({ path, inline: true });
      const answer = await fetch(url, { headers: { connection: "close" } });
      return answer.headers.get("content-disposition");
    });
    const expected = ['inline; filename="a.png"', 'attachment; filename="a.html"', 'attachment; filename="a.svg"'];
    expect(await Promise.all(told)).to.deep.equal(expected);
  });

  it("end when used up, however many race, and when revoked", async () => {
    const { url, linkId } = await create({ maxUses: 1 });
    const statuses = (await Promise.all([visit(url), visit(url), visit(url)])).map(({ status }) => status);
    expect(statuses.toSorted()).to.deep.equal([302, 410, 410]);
    expect((await list()).find((one) => one.linkId === linkId)?.state).to.equal(LinkState.USED_UP);
    const revoked = await create();
    const revocation = { namespace: "default", linkId: revoked.linkId };
    for (let repeated = 0; repeated < 2; repeated++) {
      const { link } = await commands.revokeLink(revocation, authorized);
      expect(link?.state).to.equal(LinkState.REVOKED);
    }
    expect((await visit(revoked.url)).status).to.equal(410);
  });

  it("stop while their file is deleted, and work again when it is restored", async () => {
    await client.upload(content, "gone.txt");
    const { url } = await create({ path: "gone.txt" });
    await client.deleteFile("gone.txt");
    expect((await visit(url)).status).to.equal(404);
    await client.undeleteFile("gone.txt");
    expect((await visit(url)).status).to.equal(302);
  });

  it("are not found by a forged token, nor by one in another case", async () => {
    const { url } = await create();
    const token = url.slice(url.lastIndexOf("/") + 1);
    for (const forged of [token.toUpperCase(), "x".repeat(43), "", "..%2f..", "%00", "'--", "x".repeat(5000)]) {
      expect((await visit(`${service.url}/l/${forged}`)).status, forged).to.equal(404);
    }
    expect(service.errorsLogged).to.deep.equal([]);
  });
});
