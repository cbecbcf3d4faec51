import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect } from "chai";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

describe("a line that can fail", () => {
  let server: Server;
  let line: FaultProxy;
  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}).pipe(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    line = await startFaultProxy((server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    await line.close();
    server.close();
  });
  const open = async (): Promise<Socket> => {
    const socket = connect({ port: line.port, host: "127.0.0.1" });
    await once(socket, "connect");
    return socket;
  };
  const echo = async (bytes: Buffer): Promise<Buffer> => {
    const socket = await open();
    socket.end(bytes);
    return await buffer(socket);
  };
  const failureOf = async (socket: Socket): Promise<string | undefined> => {
    const [error] = await once(socket, "error");
    return (error as NodeJS.ErrnoException).code;
  };

  it("passes all bytes on, both ways, and counts those of clients", async () => {
    const bytes = Buffer.alloc(1_000_000, "abc");
    expect((await echo(bytes)).equals(bytes)).to.equal(true);
    expect(line.sentBytes).to.equal(bytes.length);
  });

  it("leaves no listeners behind, however often it waits for a reader", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on("warning", note);
    const socket = await open();
    socket.end(Buffer.alloc(50_000_000, "abc"));
    let receivedBytes = 0;
    for await (const piece of socket) {
      receivedBytes += piece.length;
      await new Promise(setImmediate);
    }
    expect(receivedBytes).to.equal(50_000_000);
    process.off("warning", note);
    expect(warnings.map(({ message }) => message)).to.deep.equal([]);
  });

  it("resets the connections that are open, and takes new ones", async () => {
    const socket = await open();
    socket.write("a");
    await once(socket, "data");
    line.cut();
    expect(await failureOf(socket)).to.equal("ECONNRESET");
    expect((await echo(Buffer.from("b"))).toString()).to.equal("b");
  });

  it("is away until every absence is over", async () => {
    const [first, second] = [line.takeAway(), line.takeAway()];
    first();
    const socket = connect({ port: line.port, host: "127.0.0.1" });
    expect(await failureOf(socket)).to.equal("ECONNRESET");
    second();
    expect((await echo(Buffer.from("b"))).toString()).to.equal("b");
  });

  it("loses no piece while it is slow", async () => {
    const fast = line.slowDown({ latencyMs: 20, bytesPerSecond: 1e6 });
    const bytes = Buffer.alloc(10_000, "abc");
    expect((await echo(bytes)).equals(bytes)).to.equal(true);
    fast();
  });
});
