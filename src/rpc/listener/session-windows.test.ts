import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { expect } from "chai";
import { until } from "../../testing/rigs/until.ts";
import { growWindow, SessionWindows, type WindowLimits } from "./session-windows.ts";

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

  /** Starts a server that reads everything, behind a relay that takes 15 ms each way. `connect` connects through the relay. */
  async function serve(
    limits: Partial<WindowLimits> = {},
  ): Promise<{ windows: SessionWindows; connect: () => Promise<http2.ClientHttp2Session> }> {
    const windows = new SessionWindows({ ...LIMITS, ...limits });
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
    ends.push(() => {
      relay.close();
      server.close();
    });
    const connect = async () => {
      const session = http2.connect(`http://127.0.0.1:${(relay.address() as net.AddressInfo).port}`);
      session.on("error", () => {});
      ends.push(() => session.destroy());
      await once(session, "remoteSettings");
      return session;
    };
    return { windows, connect };
  }

  const connect = async (limits?: Partial<WindowLimits>) => (await serve(limits)).connect();

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

  it("samples connections no longer once they have nothing, and again with their next stream", async () => {
    const { windows, connect: connectTo } = await serve({ idleMs: 300 });
    const session = await connectTo();
    expect(windows.followed, "a connection without a stream").to.equal(0);
    for (let i = 0; i < 2; i++) {
      const stop = flood(session);
      await until("the window has grown", () => windowOf(session) > LIMITS.startBytes);
      expect(windows.followed).to.equal(1);
      stop();
      await until("no connection is sampled any more", () => windows.followed === 0);
      expect([windowOf(session), windows.grownBytes]).to.deep.equal([LIMITS.startBytes, 0]);
    }
  });

  it("keeps all connections together under their bound", async () => {
    const session = await connect({ grownMaxBytes: MIB });
    const stop = flood(session);
    await until("the window has grown by the bound", () => windowOf(session) === LIMITS.startBytes + MIB);
    await until("16 MiB have come", () => [...received.values()].some((bytes) => bytes > 16 * MIB));
    expect(windowOf(session)).to.equal(LIMITS.startBytes + MIB);
    stop();
  });

  it("shares that bound among the connections that are busy, and gives it back with each", async () => {
    const grownMaxBytes = 2 * MIB;
    const { windows, connect } = await serve({ grownMaxBytes });
    const first = await connect();
    const stops = [flood(first)];
    await until("it has all", () => windowOf(first) === LIMITS.startBytes + grownMaxBytes);
    const second = await connect();
    stops.push(flood(second));
    const half = LIMITS.startBytes + grownMaxBytes / 2;
    await until("each has half", () => windowOf(first) === half && windowOf(second) === half);
    expect(windows.grownBytes).to.equal(grownMaxBytes);
    first.destroy();
    await until("the other has all", () => windowOf(second) === LIMITS.startBytes + grownMaxBytes);
    second.destroy();
    await until("it is given back", () => windows.grownBytes === 0);
    for (const stop of stops) stop();
  });

  it("gives no share to a connection that only trickles", async () => {
    const grownMaxBytes = 2 * MIB;
    const { connect } = await serve({ grownMaxBytes });
    const [slow, fast] = [await connect(), await connect()];
    const trickle = slow.request({ ":method": "POST", ":path": "/" });
    const timer = setInterval(() => trickle.write(Buffer.alloc(KIB)), 50);
    const stop = flood(fast);
    await until("the other has all", () => windowOf(fast) === LIMITS.startBytes + grownMaxBytes);
    expect(windowOf(slow)).to.equal(LIMITS.startBytes);
    clearInterval(timer);
    stop();
  });

  it("leaves the windows of a caller alone that does not fill them", async () => {
    const session = await connect();
    // All calls together fill a quarter of a window: even on a machine that pauses they count as no flood.
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
