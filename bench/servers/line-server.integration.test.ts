import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect } from "chai";
import { type BenchProcess, forkProcess } from "../child-process.ts";
import type { LineArguments } from "./line-server.ts";

describe("the long line", () => {
  const server = createServer((socket) => socket.pipe(socket));
  let line: BenchProcess & { ready: Record<string, unknown> };

  async function open(roundTripMs: number, bytesPerSecond: number) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const targetUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const args: LineArguments = { targetUrl, roundTripMs, bytesPerSecond };
    line = await forkProcess(new URL("line-server.ts", import.meta.url), { args: [JSON.stringify(args)] });
    return connect(Number(new URL(String(line.ready.url)).port), "127.0.0.1");
  }

  afterEach(async () => {
    await line.stop();
    server.close();
    await once(server, "close");
  });

  it("answers no sooner than a round trip, and loses nothing", async () => {
    const socket = await open(60, 100e6);
    const begun = performance.now();
    socket.write("there and back");
    const [answer] = await once(socket, "data");
    expect(performance.now() - begun).to.be.greaterThan(55);
    expect(String(answer)).to.equal("there and back");
    socket.end();
    await once(socket, "close");
  });

  it("carries no more than its rate, and ends with its callers", async () => {
    const socket = await open(0, 4e6);
    const begun = performance.now();
    let backBytes = 0;
    socket.on("data", (bytes: Buffer) => {
      backBytes += bytes.length;
    });
    socket.end(Buffer.alloc(2_000_000, 1));
    await once(socket, "close");
    expect(backBytes).to.equal(2_000_000);
    expect(performance.now() - begun).to.be.within(450, 5000);
  });
});
