import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { Client } from "pg";
import { authenticateEach } from "../testing/rigs/callers/authenticate-each.ts";
import { type RunningService, startService } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { WORK_LIMITS } from "./work-classes.ts";

describe("Callers beside one another", () => {
  let service: RunningService;
  let database: Client;
  before(async () => {
    service = await startService({
      authenticate: authenticateEach,
      settings: { SLUICE_UNFINISHED_UPLOADS_MAX: "8" },
    });
    database = new Client({ connectionString: service.databaseUrl });
    await database.connect();
  });
  after(async () => {
    await database?.end();
    await service?.stop();
  });

  const list = (token: string, filter: string) =>
    fetch(`${service.url}/sluice.v1.FileQueryService/ListFiles`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ namespace: "default", filter }),
    });
  const listOverRest = (token: string, filter: string) =>
    fetch(`${service.url}/v1/namespaces/default/files?filter=${encodeURIComponent(filter)}`, {
      headers: { authorization: `Bearer ${token}` },
    });

  it("share filtered reads, whatever method and face they come by", async () => {
    const { runningMax, waitingMax } = WORK_LIMITS["filtered reads"];
    const admitted = runningMax + waitingMax - waitingMax / 8;
    // Nothing is answered while the table is locked.
    await database.query("BEGIN; LOCK TABLE file IN ACCESS EXCLUSIVE MODE");
    const [statuses, total] = [[] as number[], admitted + 40];
    const own = Array.from({ length: total }, async (_, index) => {
      const answer = await (index % 2 === 0 ? list : listOverRest)("busy", "size_bytes > 5");
      statuses.push(answer.status);
      const { message, detail } = (await answer.json()) as Record<string, unknown>;
      return String(message ?? detail ?? "");
    });
    await until("what is too much is refused", () => statuses.length === 40);
    const other = listOverRest("another", "size_bytes > 5");
    await database.query("COMMIT");
    expect((await other).status).to.equal(200);
    const messages = await Promise.all(own);
    expect(statuses.filter((status) => status === 429)).to.have.length(40);
    expect(messages.find((message) => message !== "")).to.equal(
      "you have 175 filtered reads waiting here, the most for one caller; let some of them end, then try again",
    );
    expect((await list("busy", "")).status).to.equal(200);
  });

  it("share what may be created and never end", async () => {
    const create = async (token: string) => {
      const path = `${token}/${randomUUID()}`;
      const answer = await fetch(`${service.url}/sluice.v1.UploadService/CreateUpload`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify({ requestId: randomUUID(), namespace: "default", path }),
      });
      return answer.status;
    };
    for (let created = 0; created < 7; created++) expect(await create("busy")).to.equal(200);
    expect(await create("busy")).to.equal(429);
    expect([await create("another"), await create("another")]).to.deep.equal([200, 429]);
  });
});
