import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect } from "chai";
import { createReach, type Network } from "../domain/subscriptions/reachable-addresses.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../testing/rigs/service/webhook-receiver.ts";
import { createTlsCertificate, type TlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { until } from "../testing/rigs/until.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { AddressRefused, type ResolveName, WEBHOOK_LIMITS, WebhookClient } from "./webhook-client.ts";

const LOOPBACK: Network[] = [{ address: "127.0.0.0", bits: 8 }];
const BODY = { headers: { "content-type": "application/json" }, body: "{}" };
const { signal } = new AbortController();

describe("WebhookClient", () => {
  let certificate: TlsCertificate;
  let receiver: WebhookReceiver;
  const clients: WebhookClient[] = [];
  /** A client that takes every name for the address of `resolve`, and may reach this host. */
  const toClient = (
    options: { resolve?: ResolveName; allowed?: Network[]; limits?: Partial<typeof WEBHOOK_LIMITS> } = {},
  ) => {
    const { resolve = async () => ["127.0.0.1"], allowed = LOOPBACK, limits } = options;
    const client = new WebhookClient({
      mayReach: createReach(allowed),
      resolve,
      ca: certificate.cert,
      limits: { ...WEBHOOK_LIMITS, ...limits },
    });
    clients.push(client);
    return client;
  };
  const toUrl = (name: string) => `https://${name}:${receiver.port}/events`;

  before(async function () {
    const made = await createTlsCertificate({ names: "DNS:receiver.example,IP:127.0.0.1" });
    if (made === undefined) return this.skip();
    certificate = made;
  });
  beforeEach(async () => {
    receiver = await startWebhookReceiver({ tls: certificate });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await receiver.close();
  });

  it("connects to the address that was checked, with a certificate for the name", async () => {
    const asked: string[] = [];
    const resolve: ResolveName = async (name) => {
      asked.push(name);
      return ["127.0.0.1"];
    };
    const client = toClient({ resolve });
    const { status } = await client.post(toUrl("receiver.example"), { ...BODY, signal });
    expect([status, asked]).to.deep.equal([204, ["receiver.example"]]);
    expect(receiver.received[0]?.headers.host).to.equal(`receiver.example:${receiver.port}`);
  });

  it("refuses a certificate for another name, though the address is right", async () => {
    const error = await catchError(() => toClient().post(toUrl("other.example"), { ...BODY, signal }));
    expect(error).to.have.property("code", "ERR_TLS_CERT_ALTNAME_INVALID");
    expect(receiver.received).to.deep.equal([]);
  });

  it("reaches nothing by a resolver that first tells a public address and then that of metadata", async () => {
    const answers = [["198.51.100.7"], ["169.254.169.254"], ["127.0.0.1"]];
    let asked = 0;
    const resolve: ResolveName = async () => answers[asked++] as string[];
    // 198.51.100.0/24 is nobody's: it stands for a public address that this test's client takes, and does not answer.
    const client = new WebhookClient({
      mayReach: (address) => address === "198.51.100.7" || createReach([])(address),
      resolve,
      limits: { ...WEBHOOK_LIMITS, timeoutMs: 20 },
    });
    clients.push(client);
    await catchError(() => client.post(toUrl("receiver.example"), { ...BODY, signal }));
    expect(asked, "one look-up a connection").to.equal(1);
    for (const _ of [2, 3]) {
      const error = await catchError(() => client.post(toUrl("receiver.example"), { ...BODY, signal }));
      expect(error).to.be.instanceOf(AddressRefused);
    }
    expect(receiver.received).to.deep.equal([]);
  });

  it("refuses a name of which one address is not public, and an address in the URL", async () => {
    const client = toClient({ allowed: [], resolve: async () => ["8.8.8.8", "10.0.0.1"] });
    for (const host of ["receiver.example", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
      expect(await catchError(() => client.post(toUrl(host), { ...BODY, signal })), host).to.be.instanceOf(
        AddressRefused,
      );
    expect(receiver.received).to.deep.equal([]);
  });

  it("follows no redirect", async () => {
    const metadata = await startWebhookReceiver();
    try {
      receiver.answerWith((_, { response }) => response.writeHead(307, { location: metadata.url }).end());
      expect((await toClient().post(toUrl("receiver.example"), { ...BODY, signal })).status).to.equal(307);
      expect(metadata.received).to.deep.equal([]);
    } finally {
      await metadata.close();
    }
  });

  it("cuts an answer of 10 GiB after what it may read", async () => {
    let sent = 0;
    let isCut = false;
    receiver.answerWith((_, { response }) => {
      response.writeHead(200, { "content-length": 10 * 2 ** 30 });
      response.on("close", () => {
        isCut = true;
      });
      const piece = Buffer.alloc(2 ** 16);
      const write = (): void => {
        if (isCut) return;
        sent += piece.length;
        if (response.write(piece)) setImmediate(write);
        else response.once("drain", write);
      };
      write();
    });
    const { status } = await toClient().post(toUrl("receiver.example"), { ...BODY, signal });
    expect(status).to.equal(200);
    await until("the connection is cut", () => isCut);
    expect(sent, "what the sockets of both sides hold").to.be.lessThan(64 * 2 ** 20);
  });

  it("ends a request that gets no answer, and an answer whose body does not end", async () => {
    let closed = 0;
    let isBegun = false;
    receiver.answerWith((_, { response }) => {
      response.on("close", () => closed++);
      if (isBegun) response.writeHead(200).write("x");
    });
    // Nothing is answered, so there is one outcome on a machine of any speed.
    const hasty = toClient({ limits: { timeoutMs: 20 } });
    const error = await catchError(() => hasty.post(toUrl("receiver.example"), { ...BODY, signal }));
    expect(error).to.have.property("name", "TimeoutError");
    isBegun = true;
    const ending = new AbortController();
    const answer = await toClient().post(toUrl("receiver.example"), { ...BODY, signal: ending.signal });
    expect(answer.status).to.equal(200);
    const before = closed;
    ending.abort();
    await until("the connection is closed", () => closed > before);
  });

  it("uses a connection again, and tries once more when the receiver has just closed it", async () => {
    const ports = new Set<string>();
    receiver.answerWith((_, { response }) => {
      ports.add(String(response.req.socket.remotePort));
      response.writeHead(204).end();
    });
    const client = toClient();
    for (let i = 0; i < 3; i++) await client.post(toUrl("receiver.example"), { ...BODY, signal });
    expect(ports.size).to.equal(1);
    receiver.answerWith((_, { index, response }) => {
      if (index === 3) response.req.socket.resetAndDestroy();
      else response.writeHead(204).end();
    });
    expect((await client.post(toUrl("receiver.example"), { ...BODY, signal })).status).to.equal(204);
    expect(receiver.received).to.have.length(5);
  });

  it("ends with the caller's reason, and says of a name what DNS says", async () => {
    const ending = new AbortController();
    receiver.answerWith(() => ending.abort(new Error("enough")));
    const reason = await catchError(() =>
      toClient().post(toUrl("receiver.example"), { ...BODY, signal: ending.signal }),
    );
    expect(reason).to.have.property("message", "enough");
    const resolve = () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
    const error = await catchError(() => toClient({ resolve }).post(toUrl("nowhere.example"), { ...BODY, signal }));
    expect(error).to.have.property("code", "ENOTFOUND");
  });

  it("does not take a host without TLS that answers something else than HTTP", async () => {
    const silent = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n")).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const error = await catchError(() => toClient().post(`https://receiver.example:${port}/`, { ...BODY, signal }));
    expect(error).to.be.instanceOf(Error);
    silent.close();
  });
});
