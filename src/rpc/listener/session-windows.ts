import type { Http2Session } from "node:http2";

/** Bounds of the windows of HTTP/2 streams, in bytes. */
export interface WindowLimits {
  /** What the streams of a connection begin with, and go back to when it idles. */
  startBytes: number;
  /** What one stream's window may grow to. */
  streamMaxBytes: number;
  /** What the windows of a connection's open streams may grow to together. */
  sessionMaxBytes: number;
  /** What all connections together may have grown beyond their start: paused streams can fill it with bytes that nobody reads yet. */
  grownMaxBytes: number;
  /** How long a connection brings no byte until it counts as idle, in milliseconds. */
  idleMs: number;
}

/** How often connections are looked at, in milliseconds. */
const LOOK_EVERY_MS = 100;
/** Small windows grow faster: each step costs two round trips. */
const QUICK_BELOW_BYTES = 4 * 2 ** 20;
/** A connection counts as busy until so long after its bytes last came as if they filled its windows, in milliseconds: one that is held back meanwhile must not lose its share. */
const BUSY_FOR_MS = 1000;
/** A larger window must have brought so much more, or the line is full and bytes would only wait in it. */
const GAIN_MIN = 1.25;

/**
 * Fits the windows of each connection's streams to its distance. A window is credit: a caller fills it whenever its stream is
 * paused, so that a thousand large ones would not fit into memory; a small one holds a distant caller back to one window a
 * round trip. They begin small, therefore, and grow while a round trip, measured by PING, brings at least half a window, and
 * faster than before. Busy connections share what all may grow by the number of their streams: else the first would go on
 * with large windows, beside others that have the smallest. The connection's own window stays at its most: Node gives its
 * credit back before anybody reads.
 */
export class SessionWindows {
  readonly #limits: WindowLimits;
  readonly #sessions = new WeakMap<Http2Session, SessionState>();
  /** Connections that are looked at: those with streams, and those that have yet to give something back. */
  readonly #followed = new Map<Http2Session, SessionState>();
  #grownBytes = 0;
  /** Streams of busy connections. */
  #busyStreams = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** What all connections together have grown beyond their start. */
  get grownBytes(): number {
    return this.#grownBytes;
  }

  /** How many connections are looked at; those that idle cost nothing. */
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

  /** A stream of the connection has opened; `streamClosed` follows. Their number divides what the connection may have. */
  streamOpened(session: Http2Session): void {
    const state = this.#sessions.get(session);
    if (state === undefined) return;
    state.streams++;
    this.#followed.set(session, state);
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
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

  #look(): void {
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

  /** What has come since the last look. */
  #count(session: Http2Session, state: SessionState): void {
    const receivedBytes = session.socket.bytesRead;
    state.newBytes = receivedBytes - state.receivedBytes;
    state.receivedBytes = receivedBytes;
    state.idleMs = state.newBytes === 0 ? state.idleMs + LOOK_EVERY_MS : 0;
    const isHurried = state.newBytes >= this.#limits.startBytes / 4;
    state.unhurriedMs = isHurried ? 0 : state.unhurriedMs + LOOK_EVERY_MS;
  }

  #fit(session: Http2Session, state: SessionState): void {
    const { startBytes, idleMs } = this.#limits;
    const isIdle = state.idleMs >= idleMs;
    // As many streams as there are now have the window; where there is no room for that, they lose what it has grown.
    const isCovered = this.#charge(state, state.windowBytes);
    const mostBytes = isIdle || !isCovered ? startBytes : this.#mostOf(state);
    if (isIdle) state.bestRate = 0;
    if (state.isChanging) return;
    if (state.windowBytes > mostBytes) this.#resize(session, state, mostBytes);
    else if (state.windowBytes < mostBytes && state.newBytes >= state.windowBytes / 4) this.#measure(session, state);
  }

  /** What the window of one stream of the connection may be now. */
  #mostOf({ streams, grownBytes }: SessionState): number {
    const { startBytes, streamMaxBytes, sessionMaxBytes, grownMaxBytes } = this.#limits;
    const count = Math.max(1, streams);
    const leftBytes = grownMaxBytes - this.#grownBytes + grownBytes;
    const shareBytes = Math.min(leftBytes / count, grownMaxBytes / Math.max(1, this.#busyStreams));
    const fairBytes = Math.min(streamMaxBytes, sessionMaxBytes / count, startBytes + shareBytes);
    return Math.max(startBytes, Math.floor(fairBytes));
  }

  /** What comes within one round trip decides; after each step up at once again. */
  #measure(session: Http2Session, state: SessionState): void {
    const before = session.socket.bytesRead;
    state.isChanging = session.ping((error, roundTripMs) => {
      state.isChanging = false;
      if (error !== null || session.destroyed || session.closed) return;
      const sampleBytes = session.socket.bytesRead - before;
      const rate = sampleBytes / Math.max(roundTripMs, 0.01);
      const nextBytes = growWindow(state, { sampleBytes, rate, mostBytes: this.#mostOf(state) });
      if (nextBytes <= state.windowBytes) return;
      // Where there was no room for the step, the rate it was due to says nothing of the next.
      if (this.#resize(session, state, nextBytes)) state.bestRate = rate;
    });
  }

  /** Takes the room of such windows for all streams of the connection, or gives back what they need no more. False: there is none. */
  #charge(state: SessionState, windowBytes: number): boolean {
    const grownBytes = (windowBytes - this.#limits.startBytes) * Math.max(1, state.streams);
    const newBytes = grownBytes - state.grownBytes;
    if (newBytes > 0 && this.#grownBytes + newBytes > this.#limits.grownMaxBytes) return false;
    this.#grownBytes += newBytes;
    state.grownBytes = grownBytes;
    return true;
  }

  /** False: no room for it. Counts from when it is said; the caller's acknowledgement says from when on it can be measured. */
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
  /** Streams that are open. */
  streams: number;
  receivedBytes: number;
  /** Bytes that came between the last two looks. */
  newBytes: number;
  /** How long nothing has come, in milliseconds. */
  idleMs: number;
  /** How long less has come than would fill its windows, in milliseconds. */
  unhurriedMs: number;
  /** Fastest rate that a step up was taken at, in bytes a millisecond. */
  bestRate: number;
  /** A measurement or a change is under way. */
  isChanging: boolean;
  /** This connection's share of what all have grown. */
  grownBytes: number;
}

/**
 * The next size of a window that lets `sampleBytes` through in a round trip, at `rate` bytes a millisecond: the same, unless
 * at least half of it came and faster than at the last step.
 */
export function growWindow(
  { windowBytes, bestRate }: { windowBytes: number; bestRate: number },
  sample: { sampleBytes: number; rate: number; mostBytes: number },
): number {
  const isFilled = sample.sampleBytes >= windowBytes / 2;
  if (!isFilled || sample.rate < bestRate * GAIN_MIN) return windowBytes;
  return Math.min(sample.mostBytes, windowBytes * (windowBytes < QUICK_BELOW_BYTES ? 4 : 2));
}
