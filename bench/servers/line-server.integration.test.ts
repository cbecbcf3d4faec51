import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect } from "chai";
import { forkProcess } from "../machine/child-process.ts";
import type { LineArguments } from "./line-server.ts";

describe("the long line", () => {
  it("loses nothing, and ends with its callers", async () => {
    const server = createServer((socket) => socket.pipe(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const targetUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const args: LineArguments = { targetUrl, roundTripMs: 20, bytesPerSecond: 40e6 };
    const line = await forkProcess(new URL("line-server.ts", import.meta.url), { args: [JSON.stringify(args)] });
    try {
      const socket = connect(Number(new URL(String(line.ready.url)).port), "127.0.0.1");
      const sent = Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => index % 251));
      const back: Buffer[] = [];
      socket.on("data", (bytes: Buffer) => back.push(bytes));
      socket.end(sent);
      await once(socket, "close");
      expect(Buffer.concat(back).equals(sent)).to.equal(true);
    } finally {
      await line.stop();
      server.close();
      await once(server, "close");
    }
  });
});
