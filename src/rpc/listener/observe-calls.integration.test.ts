import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { createJournal } from "../../postgres/journal/journal.ts";
import { createJournalRelay } from "../../postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../../postgres/pool/pool.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
const QUERIES = "sluice.v1.FileQueryService";

describe("The call log of a service", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
    await rig.client.upload(Buffer.from("twelve bytes"), "known.txt");
  });
  after(() => rig.stop());

  /** The lines of what `work` does, with what is the same in none of them cut off. */
  async function linesOf(work: () => Promise<unknown>, count = 1) {
    const { callsLogged } = rig.service;
    callsLogged.length = 0;
    await work();
    await until(`${count} lines`, () => callsLogged.length >= count);
    return callsLogged.map(({ time: _, pid: _pid, hostname: _host, level: _level, msg: _msg, durationMs, ...line }) => {
      expect(durationMs).to.be.a("number").within(0, 60_000);
      return line;
    });
  }
  const known = { namespace: "default", principal: "dev:local", tokenKind: "dev", address: "127.0.0.1" };
  const rest = (route: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${rig.service.url}/v1/namespaces/default/${route}`, {
      token: SERVICE_TOKEN,
      ...init,
      headers: { traceparent: TRACEPARENT, ...init.headers },
    });

  for (const [face, createTransport] of [
    ["grpc", (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ["grpc-web", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
    ["connect", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ] as const) {
    it(`has a line for each call by ${face}, with its trace, also of one that is refused`, async () => {
      const client = createClient(FileQueryService, createTransport(rig.service.url));
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}`, traceparent: TRACEPARENT };
      const call = { face, method: `${QUERIES}/GetFile`, traceId: TRACE };
      expect(
        await linesOf(() => client.getFile({ namespace: "default", path: "known.txt" }, { headers })),
      ).to.deep.equal([{ ...call, ...known, outcome: "OK" }]);
      const fail = (path: string, authorization: string) =>
        client
          .getFile({ namespace: "default", path }, { headers: { ...headers, authorization } })
          .catch(ConnectError.from);
      expect(await linesOf(() => fail("missing.txt", headers.authorization))).to.deep.equal([
        { ...call, ...known, outcome: "FILE_NOT_FOUND" },
      ]);
      expect(await linesOf(() => fail("known.txt", "Bearer wrong"))).to.deep.equal([
        { ...call, address: "127.0.0.1", outcome: "TOKEN_INVALID" },
      ]);
      const read = async () => {
        for await (const _ of client.readFile({ namespace: "default", path: "known.txt" }, { headers }));
      };
      expect(await linesOf(read)).to.deep.equal([
        { ...call, method: `${QUERIES}/ReadFile`, ...known, fileBytes: 12, outcome: "OK" },
      ]);
    });
  }

  it("has a line for each upload, with the bytes that came", async () => {
    const [line] = await linesOf(() => rig.client.upload(Buffer.alloc(200_000), "large.bin"));
    expect(line).to.deep.include({
      ...known,
      face: "grpc",
      method: "sluice.v1.UploadService/WriteUpload",
      outcome: "OK",
    });
    expect(line).to.include({ fileBytes: 200_000 });
  });

  it("has a line for each request by REST, under the name of its method", async () => {
    for (const [route, init, line] of [
      [
        "files/put.txt",
        { method: "PUT", body: "put" },
        { method: "sluice.v1.UploadService/WriteUpload", fileBytes: 3 },
      ],
      ["files/known.txt", {}, { method: `${QUERIES}/GetFile` }],
      ["files/known.txt?alt=media&redirect=false", {}, { method: `${QUERIES}/ReadFile`, fileBytes: 12 }],
      ["files/missing.txt", {}, { method: `${QUERIES}/GetFile`, outcome: "FILE_NOT_FOUND" }],
      ["files/known.txt", { method: "DELETE" }, { method: "sluice.v1.FileCommandService/DeleteFile" }],
    ] as const) {
      expect(await linesOf(() => rest(route, init))).to.deep.equal([
        { outcome: "OK", ...line, ...known, face: "rest", traceId: TRACE },
      ]);
    }
    expect(await linesOf(() => rest("nothing"))).to.deep.equal([
      { face: "rest", method: "_OTHER", outcome: "ROUTE_NOT_FOUND", address: "127.0.0.1", traceId: TRACE },
    ]);
  });

  it("has a line for each use of a link, and none for probes", async () => {
    const { body } = await rest("links", { method: "POST", json: { path: "put.txt" } });
    const lines = await linesOf(async () => {
      for (const probe of ["livez", "readyz"]) await callRest(`${rig.service.url}/${probe}`);
      await callRest(body.url);
    });
    expect(lines.map(({ face, method, outcome }) => [face, method, outcome])).to.deep.equal([
      ["link", "OpenLink", "OK"],
    ]);
  });

  it("names no method that callers make up", async () => {
    const url = `${rig.service.url}/sluice.v1.FileQueryService/Invented`;
    const [line] = await linesOf(() => callRest(url, { method: "POST", token: SERVICE_TOKEN, json: {} }));
    expect(line).to.deep.include({ face: "connect", method: "_OTHER", outcome: "HTTP_501" });
  });

  it("tells of a caller that gave up", async () => {
    const gone = new AbortController();
    const upload = rig.client.upload(
      (async function* () {
        yield Buffer.alloc(1000);
        gone.abort();
        await new Promise(() => {});
      })(),
      "gone.bin",
      { signal: gone.signal },
    );
    const lines = await linesOf(() => upload.catch(() => {}));
    expect(lines.find(({ method }) => method === "sluice.v1.UploadService/WriteUpload")).to.include({
      outcome: "CALLER_GONE",
    });
  });

  it("shares its trace with the entry of the journal", async () => {
    await rest("files/put.txt", { method: "DELETE", headers: { traceparent: TRACEPARENT.replaceAll("4", "a") } });
    const pool = await createDatabasePool("test", { url: rig.service.databaseUrl });
    try {
      await createJournalRelay(pool).numberNew();
      const entries = await createJournal(pool).read({ namespace: "default", after: 0, limit: 1000 });
      const deleted = entries.filter(({ action }) => action === "DeleteFile");
      expect(deleted.map(({ traceId }) => traceId)).to.deep.equal([TRACE, TRACE.replaceAll("4", "a")]);
    } finally {
      await pool.end();
    }
  });
});
