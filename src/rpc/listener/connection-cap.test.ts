import { once } from "node:events";
import net from "node:net";
import { expect } from "chai";
import { until } from "../../testing/rigs/until.ts";
import { ConnectionCap } from "./connection-cap.ts";

describe("ConnectionCap", () => {
  let server: net.Server | undefined;

  afterEach(() => {
    server?.close();
  });

  /** A server under a cap. `connect` resolves to the caller's socket and to whether its connection was let in. */
  async function open(cap: ConnectionCap, host: string) {
    const opened = net.createServer().listen(0, host);
    server = opened;
    await once(opened, "listening");
    const { port } = opened.address() as net.AddressInfo;
    return async (localAddress: string) => {
      const arrived = once(opened, "connection") as Promise<[net.Socket]>;
      const caller = net.connect({ port, host, localAddress });
      caller.on("error", () => {});
      const [socket] = await arrived;
      const closed = once(socket, "close");
      socket.on("error", () => {});
      const isAdmitted = cap.admit(socket);
      return { caller, isAdmitted, closed };
    };
  }

  it("refuses the surplus of one address, not that of another, and takes the place of one that has closed", async () => {
    const cap = new ConnectionCap({ connectionsMax: 10, connectionsPerAddressMax: 2 });
    const connect = await open(cap, "127.0.0.1");
    const first = await connect("127.0.0.1");
    const second = await connect("127.0.0.1");
    const surplus = await connect("127.0.0.1");
    const other = await connect("127.0.0.2");
    expect([first, second, surplus, other].map(({ isAdmitted }) => isAdmitted)).to.deep.equal([
      ...[true, true],
      ...[false, true],
    ]);
    await until("the caller hears of it", () => surplus.caller.destroyed);
    first.caller.destroy();
    await first.closed;
    const third = await connect("127.0.0.1");
    expect(third.isAdmitted).to.equal(true);
    for (const { caller } of [second, other, third]) caller.destroy();
  });

  it("refuses the surplus of all addresses together", async () => {
    const connect = await open(new ConnectionCap({ connectionsMax: 2, connectionsPerAddressMax: 2 }), "127.0.0.1");
    const sockets = [await connect("127.0.0.1"), await connect("127.0.0.2"), await connect("127.0.0.3")];
    expect(sockets.map(({ isAdmitted }) => isAdmitted)).to.deep.equal([true, true, false]);
    for (const { caller } of sockets) caller.destroy();
  });

  it("takes all that one address sends where there is no cap for one", async () => {
    const limits = { connectionsMax: 100, connectionsPerAddressMax: undefined };
    const connect = await open(new ConnectionCap(limits), "127.0.0.1");
    for (let i = 0; i < 20; i++) {
      const { caller, isAdmitted } = await connect("127.0.0.1");
      expect(isAdmitted).to.equal(true);
      caller.destroy();
    }
  });
});
