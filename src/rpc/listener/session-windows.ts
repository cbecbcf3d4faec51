import type { Http2Session } from "node:http2";

/** Bounds of the windows of HTTP/2 streams, in bytes. */
export interface WindowLimits {
  /** Window that every stream begins with, and returns to when its connection idles. */
  startBytes: number;
  /** Most that one stream's window may grow to. */
  streamMaxBytes: number;
  /** Most that the windows of a connection's open streams may grow to together. */
  sessionMaxBytes: number;
  /** Growth of all connections together: paused streams can fill it with bytes that nobody reads yet. */
  grownMaxBytes: number;
  /** A connection that brings no byte for this long counts as idle, in milliseconds. */
  idleMs: number;
}

/** Interval at which connections are sampled, in milliseconds. */
const SAMPLE_INTERVAL_MS = 100;
/** Small windows grow faster: each step costs two round trips. */
const QUICK_BELOW_BYTES = 4 * 2 ** 20;
/**
 * A connection counts as busy for this long after its bytes last came fast enough to fill its windows, in milliseconds: a
 * connection that is held back meanwhile must not lose its share.
 */
const BUSY_FOR_MS = 1000;
/** A larger window must have brought this many times the rate. Otherwise the line is full, and bytes only wait in it. */
const GAIN_MIN = 1.25;

/**
 * Fits the windows of each connection's streams to its distance. A window is credit: a caller fills it whenever its stream is
 * paused, so a thousand large windows would not fit into memory. A small window limits a distant caller to one window per
 * round trip. So windows begin small, and grow while a round trip, measured by PING, brings at least half a window and more
 * per second than before. Busy connections share the allowed growth by the number of their streams: otherwise the first one
 * would keep large windows beside others that have the smallest. The connection's own window stays at its maximum, because
 * Node gives its credit back before anybody reads.
 */
export class SessionWindows {
  readonly #limits: WindowLimits;
  readonly #sessions = new WeakMap<Http2Session, SessionState>();
  /** Connections that are sampled: those with streams, and those that still have growth to give back. */
  readonly #followed = new Map<Http2Session, SessionState>();
  #grownBytes = 0;
  /** Streams of busy connections. */
  #busyStreams = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Bytes that the windows of all connections together have grown beyond their start. */
  get grownBytes(): number {
    return this.#grownBytes;
  }

  /** Number of connections that are sampled; idle ones cost nothing. */
  get followed(): number {
    return this.#followed.size;
  }

  /** Fits a connection's windows until it closes. */
  add(session: Http2Session): void {
    const { startBytes, sessionMaxBytes } = this.#limits;
    session.setLocalWindowSize(sessionMaxBytes);
    const state = { windowBytes: startBytes, streams: 0, receivedBytes: 0, bestRate: 0, isChanging: false };
    this.#sessions.set(session, { ...state, newBytes: 0, idleMs: 0, unhurriedMs: BUSY_FOR_MS, grownBytes: 0 });
    session.once("close", () => this.#forget(session));
  }

  /** Tells that a stream has opened; `streamClosed` must follow. The streams divide the connection's share. */
  streamOpened(session: Http2Session): void {
    const state = this.#sessions.get(session);
    if (state === undefined) return;
    state.streams++;
    this.#followed.set(session, state);
    this.#timer ??= setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS).unref();
  }

  streamClosed(session: Http2Session): void {
    const state = this.#sessions.get(session);
    if (state !== undefined) state.streams--;
  }

  #forget(session: Http2Session): void {
    const state = this.#sessions.get(session);
    // Streams that close after their connection must not count any more.
    if (state !== undefined) this.#charge(state, this.#limits.startBytes);
    this.#sessions.delete(session);
    this.#unfollow(session);
  }

  #unfollow(session: Http2Session): void {
    this.#followed.delete(session);
    if (this.#followed.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sample(): void {
    this.#busyStreams = 0;
    for (const [session, state] of this.#followed) {
      if (session.destroyed || session.closed) continue;
      this.#count(session, state);
      if (state.unhurriedMs < BUSY_FOR_MS) this.#busyStreams += state.streams;
    }
    for (const [session, state] of this.#followed) {
      if (!session.destroyed && !session.closed) this.#fit(session, state);
      const hasNothing = state.streams === 0 && state.grownBytes === 0 && !state.isChanging;
      if (hasNothing && state.idleMs >= this.#limits.idleMs) this.#unfollow(session);
    }
  }

  /** Counts the bytes since the last sample. */
  #count(session: Http2Session, state: SessionState): void {
    const receivedBytes = session.socket.bytesRead;
    state.newBytes = receivedBytes - state.receivedBytes;
    state.receivedBytes = receivedBytes;
    state.idleMs = state.newBytes === 0 ? state.idleMs + SAMPLE_INTERVAL_MS : 0;
    const isHurried = state.newBytes >= this.#limits.startBytes / 4;
    state.unhurriedMs = isHurried ? 0 : state.unhurriedMs + SAMPLE_INTERVAL_MS;
  }

  #fit(session: Http2Session, state: SessionState): void {
    const { startBytes, idleMs } = this.#limits;
    const isIdle = state.idleMs >= idleMs;
    // Every stream that is open now has the window. If the growth for all of them does not fit, they return to the start window.
    const isCovered = this.#charge(state, state.windowBytes);
    const mostBytes = isIdle || !isCovered ? startBytes : this.#mostOf(state);
    if (isIdle) state.bestRate = 0;
    if (state.isChanging) return;
    if (state.windowBytes > mostBytes) this.#resize(session, state, mostBytes);
    else if (state.windowBytes < mostBytes && state.newBytes >= state.windowBytes / 4) this.#measure(session, state);
  }

  /** The largest window that one stream of the connection may have now. */
  #mostOf({ streams, grownBytes }: SessionState): number {
    const { startBytes, streamMaxBytes, sessionMaxBytes, grownMaxBytes } = this.#limits;
    const count = Math.max(1, streams);
    const leftBytes = grownMaxBytes - this.#grownBytes + grownBytes;
    const shareBytes = Math.min(leftBytes / count, grownMaxBytes / Math.max(1, this.#busyStreams));
    const fairBytes = Math.min(streamMaxBytes, sessionMaxBytes / count, startBytes + shareBytes);
    return Math.max(startBytes, Math.floor(fairBytes));
  }

  /** The bytes that come within one round trip decide. After a step up, the next measurement follows at once. */
  #measure(session: Http2Session, state: SessionState): void {
    const before = session.socket.bytesRead;
    state.isChanging = session.ping((error, roundTripMs) => {
      state.isChanging = false;
      if (error !== null || session.destroyed || session.closed) return;
      const sampleBytes = session.socket.bytesRead - before;
      const rate = sampleBytes / Math.max(roundTripMs, 0.01);
      const nextBytes = growWindow(state, { sampleBytes, rate, mostBytes: this.#mostOf(state) });
      if (nextBytes <= state.windowBytes) return;
      // When there was no room for the step, its rate says nothing about the next step.
      if (this.#resize(session, state, nextBytes)) state.bestRate = rate;
    });
  }

  /**
   * Takes room for such windows on all streams of the connection, or gives back the room that they need no more. Returns
   * false when there is no room.
   */
  #charge(state: SessionState, windowBytes: number): boolean {
    const grownBytes = (windowBytes - this.#limits.startBytes) * Math.max(1, state.streams);
    const newBytes = grownBytes - state.grownBytes;
    if (newBytes > 0 && this.#grownBytes + newBytes > this.#limits.grownMaxBytes) return false;
    this.#grownBytes += newBytes;
    state.grownBytes = grownBytes;
    return true;
  }

  /**
   * Changes the window. Returns false when there is no room for it. The room counts from now on; the caller's acknowledgement
   * says when a measurement may begin.
   */
  #resize(session: Http2Session, state: SessionState, windowBytes: number): boolean {
    const isGrowing = windowBytes > state.windowBytes;
    if (!this.#charge(state, windowBytes)) return false;
    state.windowBytes = windowBytes;
    state.isChanging = true;
    session.settings({ initialWindowSize: windowBytes }, (error) => {
      state.isChanging = false;
      const canGrow = isGrowing && error === null && !session.destroyed && !session.closed;
      if (canGrow && windowBytes < this.#mostOf(state)) this.#measure(session, state);
    });
    return true;
  }
}

interface SessionState {
  windowBytes: number;
  /** Number of open streams. */
  streams: number;
  receivedBytes: number;
  /** Bytes that came between the last two samples. */
  newBytes: number;
  /** How long nothing has come, in milliseconds. */
  idleMs: number;
  /** How long fewer bytes have come than would fill the windows, in milliseconds. */
  unhurriedMs: number;
  /** Fastest rate at which the window was enlarged, in bytes a millisecond. */
  bestRate: number;
  /** Whether a measurement or a change is under way. */
  isChanging: boolean;
  /** This connection's share of the growth of all, in bytes. */
  grownBytes: number;
}

/**
 * The next size of a window that lets `sampleBytes` through in a round trip, at `rate` bytes a millisecond. The size stays
 * unless at least half of it came, and came faster than at the last step.
 */
export function growWindow(
  { windowBytes, bestRate }: { windowBytes: number; bestRate: number },
  sample: { sampleBytes: number; rate: number; mostBytes: number },
): number {
  const isFilled = sample.sampleBytes >= windowBytes / 2;
  if (!isFilled || sample.rate < bestRate * GAIN_MIN) return windowBytes;
  return Math.min(sample.mostBytes, windowBytes * (windowBytes < QUICK_BELOW_BYTES ? 4 : 2));
}
