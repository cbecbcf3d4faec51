import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { startScriptedServer } from "../../testing/fakes/scripted-upload-server.ts";
import { until } from "../../testing/rigs/until.ts";
import { createSluiceClient } from "../client.ts";

describe("ServiceSession", () => {
  /** This server takes connections and sends nothing, as a machine that hangs: TLS is never established. */
  let silent: Server;
  const sockets = new Set<Socket>();
  let url: string;

  before(async () => {
    silent = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
    }).listen(0, "127.0.0.1");
    await once(silent, "listening");
    url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("gives up connecting in time, for calls and for bytes", async () => {
    const client = createSluiceClient({ url, token: "secret", connectTimeoutMs: 30 });
    const retry = { triesMax: 2, delayBaseMs: 1, delayMaxMs: 1 };
    for (const call of [() => client.getFile("a"), () => client.upload(Buffer.from("bytes"), "a", { retry })]) {
      const error = await call().catch((thrown: Error) => thrown);
      expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
      expect(error).to.have.property("message").that.includes(`at ${url}: no connection to the server within 0.03 s`);
    }
    client.close();
  });

  it("lets work go on to another address", async () => {
    const server = await startScriptedServer();
    const client = createSluiceClient({ urls: [url, server.url], token: "secret", connectTimeoutMs: 30 });
    const { receipt } = await client.upload(Buffer.from("bytes"), "a");
    expect(receipt?.sizeBytes).to.equal(5n);
    client.close();
    await server.close();
  });

  it("lets calls pass beside uploads whose bytes wait for the service", async () => {
    const server = await startScriptedServer({ partSizeBytes: 2 ** 20 });
    const client = createSluiceClient({ url: server.url, token: "secret" });
    const controller = new AbortController();
    // Each upload has four chunks of 1 MiB on their way, of which the server's windows take 64 KiB.
    for (let i = 0; i < 6; i++) server.scripts.push({ act: "silence", afterBytes: 1 });
    const stuck = server.scripts.map((_, i) =>
      client.upload(Buffer.alloc(8 * 2 ** 20), `stuck-${i}`, { signal: controller.signal }).catch(() => {}),
    );
    try {
      await until("all have begun", () => server.starts.length === stuck.length);
      let failures = 0;
      await client.upload(Buffer.from("bytes"), "a", { onProgress: (progress) => (failures += progress.failures) });
      await client.getUpload("upload-1");
      expect(failures, "tries that failed").to.equal(0);
    } finally {
      controller.abort();
      await Promise.all(stuck);
      client.close();
      await server.close();
    }
  });

  it("ends calls, and connects no more, once the client is closed", async () => {
    const server = await startScriptedServer();
    server.scripts.push({ act: "silence" }, { act: "silence", lane: 0 });
    const client = createSluiceClient({ url: server.url, token: "secret" });
    const bytes = Buffer.alloc(3 * 64 * 1024);
    const working = [1, 2].map((lanes) => client.upload(bytes, "a", { lanes }).catch((thrown: Error) => thrown));
    await until("both have begun", () => server.connections >= 2);
    client.close();
    for (const error of await Promise.all(working)) {
      expect(error).to.include({ code: "cancelled", reason: "CLIENT_CLOSED" });
    }
    expect(await client.getFile("a").catch((thrown: Error) => thrown)).to.include({ reason: "CLIENT_CLOSED" });
    await server.close();
  });
});
