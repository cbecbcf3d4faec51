import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { expect } from "chai";
import { MemoryBudget } from "../domain/memory-budget.ts";
import { until } from "../testing/until.ts";
import { growWindow, SessionWindows, type WindowLimits } from "./session-windows.ts";
import { createWindowMemory } from "./window-memory.ts";

const KIB = 1024;
const MIB = 2 ** 20;
const LIMITS: WindowLimits = {
  startBytes: 256 * KIB,
  streamMaxBytes: 4 * MIB,
  sessionMaxBytes: 6 * MIB,
  grownMaxBytes: 64 * MIB,
  idleMs: 60_000,
};

describe("growWindow", () => {
  const state = { windowBytes: MIB, bestRate: 100 };
  const grow = (sampleBytes: number, rate: number, mostBytes = 64 * MIB) =>
    growWindow(state, { sampleBytes, rate, mostBytes });

  it("grows a window that a round trip fills at least by half", () => {
    expect(grow(MIB / 2, 200)).to.equal(4 * MIB);
    expect(grow(MIB / 2 - 1, 200)).to.equal(MIB);
  });

  it("leaves it where the last step brought no more: the line is full", () => {
    expect(grow(MIB, 124)).to.equal(MIB);
    expect(grow(MIB, 125)).to.equal(4 * MIB);
  });

  it("doubles a large one, and stops at the most", () => {
    const large = { windowBytes: 4 * MIB, bestRate: 0 };
    expect(growWindow(large, { sampleBytes: 4 * MIB, rate: 1, mostBytes: 64 * MIB })).to.equal(8 * MIB);
    expect(growWindow(large, { sampleBytes: 4 * MIB, rate: 1, mostBytes: 5 * MIB })).to.equal(5 * MIB);
  });
});

describe("SessionWindows", () => {
  const ends: (() => void)[] = [];
  const received = new Map<http2.ServerHttp2Stream, number>();

  /** Connects over a relay that takes 15 ms each way, to a server that reads all it gets. */
  async function connect(
    limits: Partial<WindowLimits> = {},
    budget = new MemoryBudget(256 * MIB),
  ): Promise<http2.ClientHttp2Session> {
    const windows = new SessionWindows({ ...LIMITS, ...limits }, createWindowMemory(budget));
    const server = http2.createServer({ settings: { initialWindowSize: LIMITS.startBytes } });
    server.on("session", (session) => {
      windows.add(session);
      session.on("error", () => {});
    });
    server.on("request", ({ stream }, response) => {
      const { session } = stream;
      if (session !== undefined) windows.streamOpened(session);
      stream.on("data", (bytes: Buffer) => received.set(stream, (received.get(stream) ?? 0) + bytes.length));
      stream.on("end", () => response.end());
      stream.on("error", () => {});
      stream.on("close", () => {
        if (session !== undefined) windows.streamClosed(session);
      });
    });
    const relay = net.createServer((near) => {
      const far = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on("data", (bytes) => setTimeout(() => to.write(bytes), 15));
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    });
    for (const one of [server, relay]) {
      one.listen(0, "127.0.0.1");
      await once(one, "listening");
    }
    const session = http2.connect(`http://127.0.0.1:${(relay.address() as net.AddressInfo).port}`);
    session.on("error", () => {});
    ends.push(() => {
      session.destroy();
      relay.close();
      server.close();
    });
    await once(session, "remoteSettings");
    return session;
  }

  afterEach(() => {
    for (const end of ends.splice(0)) end();
    received.clear();
  });

  /** Sends without end until stopped; resolves when the stream has begun. */
  function flood(session: http2.ClientHttp2Session): () => void {
    const stream = session.request({ ":method": "POST", ":path": "/" });
    const piece = Buffer.alloc(64 * KIB);
    let isOver = false;
    const send = () => {
      while (!isOver && stream.writable && stream.write(piece));
    };
    stream.on("drain", send).on("error", () => {});
    send();
    return () => {
      isOver = true;
      stream.end();
    };
  }

  const windowOf = (session: http2.ClientHttp2Session) => session.remoteSettings.initialWindowSize ?? 0;

  it("grows the windows of a distant caller, up to their most", async () => {
    const session = await connect();
    expect(windowOf(session)).to.equal(LIMITS.startBytes);
    const stop = flood(session);
    await until("the window has grown to its most", () => windowOf(session) === LIMITS.streamMaxBytes);
    stop();
  });

  it("divides what a connection may have among its streams", async () => {
    const session = await connect();
    const first = flood(session);
    await until("the window has grown", () => windowOf(session) === LIMITS.streamMaxBytes);
    const others = [flood(session), flood(session)];
    await until("it is shared by three", () => windowOf(session) === LIMITS.sessionMaxBytes / 3);
    for (const stop of [first, ...others]) stop();
  });

  it("takes back what has grown when nothing comes any more", async () => {
    const session = await connect({ idleMs: 300 });
    const stop = flood(session);
    await until("the window has grown", () => windowOf(session) > LIMITS.startBytes);
    stop();
    await until("the window is small again", () => windowOf(session) === LIMITS.startBytes);
  });

  it("keeps all connections together under their bound", async () => {
    const session = await connect({ grownMaxBytes: MIB });
    const stop = flood(session);
    await until("the window has grown by the bound", () => windowOf(session) === LIMITS.startBytes + MIB);
    await until("16 MiB have come", () => [...received.values()].some((bytes) => bytes > 16 * MIB));
    expect(windowOf(session)).to.equal(LIMITS.startBytes + MIB);
    stop();
  });

  it("takes what they grow from the memory of parts, and gives it back with the connection", async () => {
    const budget = new MemoryBudget(16 * MIB);
    const session = await connect({}, budget);
    const stop = flood(session);
    await until("the window has grown", () => windowOf(session) === LIMITS.streamMaxBytes);
    expect(budget.usedBytes).to.equal(LIMITS.streamMaxBytes - LIMITS.startBytes);
    const other = flood(session);
    await until("both are charged", () => budget.usedBytes > LIMITS.streamMaxBytes);
    expect(budget.usedBytes).to.be.at.most(2 * LIMITS.streamMaxBytes);
    for (const one of [stop, other]) one();
    session.destroy();
    await until("it is given back", () => budget.usedBytes === 0);
  });

  it("does not grow them where parts have all memory, and grows them when they have not any more", async () => {
    const budget = new MemoryBudget(16 * MIB);
    const parts = budget.open();
    budget.overdraw(parts, 16 * MIB);
    const session = await connect({}, budget);
    const stop = flood(session);
    await until("16 MiB have come", () => [...received.values()].some((bytes) => bytes > 16 * MIB));
    expect([windowOf(session), budget.usedBytes]).to.deep.equal([LIMITS.startBytes, 16 * MIB]);
    budget.release(parts);
    await until("the window has grown", () => windowOf(session) > LIMITS.startBytes);
    stop();
  });

  it("leaves the windows of a caller alone that does not fill them", async () => {
    const session = await connect();
    // All together a quarter of a window: even a machine that pauses takes them for no flood.
    for (let call = 0; call < 4; call++) {
      const stream = session.request({ ":method": "POST", ":path": "/" });
      stream.end(Buffer.alloc(16 * KIB));
      stream.resume();
      await once(stream, "close");
    }
    expect(windowOf(session)).to.equal(LIMITS.startBytes);
    session.close();
  });
});
