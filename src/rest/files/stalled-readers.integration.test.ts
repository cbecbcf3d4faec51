import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { expect } from "chai";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";

const FILE_BYTES = 8 * 2 ** 20;
const HEADERS = { authorization: `Bearer ${SERVICE_TOKEN}` };
const FILE_PATH = "/v1/namespaces/default/files/large.bin";
const MEDIA_PATH = `${FILE_PATH}?alt=media&redirect=false`;

describe("Readers who stop reading", () => {
  let service: RunningService;
  let session: ClientHttp2Session | undefined;
  afterEach(async () => {
    session?.destroy();
    await service.stop();
  });

  async function start(settings: Readonly<Record<string, string>>): Promise<void> {
    service = await startService({ settings });
    await put("large.bin", Buffer.alloc(FILE_BYTES, 7));
  }

  async function put(name: string, body: Buffer): Promise<number> {
    const url = `${service.url}/v1/namespaces/default/files/${name}`;
    return (await fetch(url, { method: "PUT", headers: { ...HEADERS, connection: "close" }, body })).status;
  }

  /** A reader over HTTP/2 that takes no more than the first window. */
  function stall(over: ClientHttp2Session): Promise<number> {
    const stream = over.request({ ":path": MEDIA_PATH, ...HEADERS });
    stream.pause();
    stream.on("error", () => {});
    return once(stream, "response").then(([headers]) => headers[":status"] as number);
  }

  it("are cut off over HTTP/1.1 and HTTP/2, and leave nothing behind", async () => {
    await start({ SLUICE_STALL_TIMEOUT_MS: "400" });
    const request = get(`${service.url}${MEDIA_PATH}`, { headers: HEADERS, agent: false });
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    for (const one of [request, answer]) one.on("error", () => {});
    session = connect(service.url);
    session.on("error", () => {});
    const stream = session.request({ ":path": MEDIA_PATH, ...HEADERS });
    stream.on("error", () => {});
    // Neither client reads any further.
    await once(stream.pause(), "close");
    expect(stream.rstCode, "the caller is told").to.equal(constants.NGHTTP2_CANCEL);
    // A client that does not read notices the end only when it writes.
    await until("the connection is gone", async () => {
      answer.socket.write("GET / HTTP/1.1\r\n");
      return answer.socket.destroyed;
    });
    expect(answer.complete).to.equal(false);
  });

  it("take no place from uploads and other callers", async () => {
    await start({});
    session = connect(service.url);
    session.on("error", () => {});
    const { requestsMax } = service.config.s3.limits;
    const statuses = await Promise.all(
      Array.from({ length: requestsMax.read }, () => stall(session as ClientHttp2Session)),
    );
    const refused = statuses.filter((status) => status === 429);
    expect(
      statuses.filter((status) => status === 200),
      "seven eighths of the readers' places",
    ).to.have.length(112);
    expect(refused).to.have.length(requestsMax.read - 112);
    for (let i = 0; i < 20; i++) expect(await put(`small-${i}.bin`, Buffer.from("hello"))).to.equal(201);
    expect(service.app.readiness.isReady).to.equal(true);
    session.destroy();
    await until("the places are free again", async () => {
      const range = { range: "bytes=0-0", connection: "close" };
      const answer = await fetch(`${service.url}${MEDIA_PATH}`, { headers: { ...HEADERS, ...range } });
      await answer.arrayBuffer();
      return answer.status === 206;
    });
  });
});
