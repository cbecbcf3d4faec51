import { expect } from "chai";
import { type RunningService, SERVICE_TOKEN, startService } from "../testing/rigs/service/running-service.ts";
import { UnreadHttp2 } from "../testing/rigs/service/unread-http2.ts";
import { until } from "../testing/rigs/until.ts";

const FILE_BYTES = 8 * 2 ** 20;
const HEADERS = { authorization: `Bearer ${SERVICE_TOKEN}` };
const FILE_PATH = "/v1/namespaces/default/files/large.bin";
const MEDIA_PATH = `${FILE_PATH}?alt=media&redirect=false`;
/** Together all that one caller may read at once: seven eighths of 128. */
const READS_EACH = 56;

describe("Callers who read nothing of their connections", () => {
  let service: RunningService;
  before(async () => {
    service = await startService({ settings: { SLUICE_STALL_TIMEOUT_MS: "400" } });
    const headers = { ...HEADERS, connection: "close" };
    const body = Buffer.alloc(FILE_BYTES, 7);
    expect((await fetch(`${service.url}${FILE_PATH}`, { method: "PUT", headers, body })).status).to.equal(201);
  });
  after(() => service.stop());

  it("lose them, and the places of their reads", async () => {
    const callers = await Promise.all([1, 2].map(() => UnreadHttp2.connect(service.url)));
    try {
      // Each asks for 448 MiB, far more than the system keeps for those who do not read.
      for (const caller of callers)
        for (let read = 0; read < READS_EACH; read++) caller.get(2 * read + 1, MEDIA_PATH, HEADERS);
      // A client that does not read notices the end only when it writes.
      await until("both connections are cut", () =>
        callers.every((caller) => {
          caller.ping();
          return caller.socket.destroyed;
        }),
      );
      await until("the places are free", async () => {
        const range = { range: "bytes=0-0", connection: "close" };
        const answer = await fetch(`${service.url}${MEDIA_PATH}`, { headers: { ...HEADERS, ...range } });
        await answer.arrayBuffer();
        return answer.status === 206;
      });
    } finally {
      for (const { socket } of callers) socket.destroy();
    }
  });
});
