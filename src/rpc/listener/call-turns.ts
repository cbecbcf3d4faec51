/** Bounds of the calls that a connection may have handled at once. */
export interface TurnLimits {
  /** Calls of one connection that have begun, are not answered and not over, and have not waited longer than `callHoldMs`. */
  callsBegunMax: number;
  /** Calls of one connection that wait until they may begin. */
  callsWaitingMax: number;
  /**
   * How long a call may hold back others of its connection, in milliseconds. After that it waits for something else, such as
   * storage, and holds back nobody.
   */
  callHoldMs: number;
}

/**
 * Calls that may begin in one round of the event loop, on all connections together: connections that call at the same time
 * share them. At about 1 ms a call, a caller that has just come waits this many milliseconds.
 */
const TURN_CALLS = 16;
/** A connection counts as calling for this long after it last began a call, at most for twice as long, in milliseconds. */
const CALLING_FOR_MS = 50;

/**
 * Lets connections take turns. A caller can send thousands of calls in one packet. If they were handled as they come, the process
 * would poll no other connection until the last one is done. So a call begins at once only while few calls of its connection have
 * begun in this round of the event loop: the more connections call, the fewer. The others wait and begin after the process has
 * polled its sockets, one of each connection in turn. Few calls of one connection may be under way at once, because the data that
 * completes them, such as their bodies, may arrive in one packet as well. Long answers are no load: a call holds back nobody once
 * it has begun to answer, or once it has waited so long that it must be waiting for something else.
 */
export class CallTurns {
  readonly #limits: TurnLimits;
  readonly #connections = new WeakMap<object, ConnectionCalls>();
  readonly #calls = new WeakMap<object, Call>();
  /** Connections with calls that may begin; the next one comes first. */
  readonly #ready = new Set<ConnectionCalls>();
  /** Connections that began a call since `#periodAt`, and the number of those that did in the period before. */
  #calling = new Set<ConnectionCalls>();
  #calledBefore = 0;
  #periodAt = 0;
  #round = 0;
  #isRoundEnding = false;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /**
   * Begins a call of the connection, now or when it is its turn; `leave` must follow. `key` names the call. Returns false
   * when too many calls wait; the call then never begins.
   */
  enter(connection: object, key: object, begin: () => void): boolean {
    const calls = this.#callsOf(connection);
    if (calls.waiting.size >= this.#limits.callsWaitingMax) return false;
    const call = { calls, begin };
    this.#calls.set(key, call);
    if (this.#hasTurn(calls) && calls.waiting.size === 0 && calls.begun.size < this.#limits.callsBegunMax)
      this.#begin(call);
    else {
      calls.waiting.add(call);
      this.#queue(calls);
    }
    return true;
  }

  /** Tells that the call is answered or over. A call that still waits never begins. It may be called again. */
  leave(key: object): void {
    const call = this.#calls.get(key);
    if (call === undefined) return;
    const { calls } = call;
    calls.waiting.delete(call);
    if (calls.begun.delete(call)) this.#queue(calls);
  }

  #begin(call: Call): void {
    const { calls } = call;
    if (calls.round !== this.#round) calls.begunInRound = 0;
    calls.round = this.#round;
    calls.begunInRound++;
    this.#calling.add(calls);
    calls.begun.add(call);
    this.#endRoundSoon();
    call.begin();
  }

  /** Lets a connection's calls begin in one of the next rounds, if there is room for another. */
  #queue(calls: ConnectionCalls): void {
    if (calls.waiting.size === 0) return;
    if (calls.begun.size >= this.#limits.callsBegunMax) this.#limitHold(calls);
    else {
      this.#ready.add(calls);
      this.#endRoundSoon();
    }
  }

  /** When all begun calls of the connection still hold others back at the end of the hold, they stop doing so. */
  #limitHold(calls: ConnectionCalls): void {
    if (calls.holdTimer !== undefined) return;
    const inTheWay = [...calls.begun];
    calls.holdTimer = setTimeout(() => {
      calls.holdTimer = undefined;
      for (const call of inTheWay) calls.begun.delete(call);
      this.#queue(calls);
    }, this.#limits.callHoldMs).unref();
  }

  #endRoundSoon(): void {
    if (this.#isRoundEnding) return;
    this.#isRoundEnding = true;
    setImmediate(() => {
      this.#isRoundEnding = false;
      this.#round++;
      this.#takeTurns();
    });
  }

  /** Whether one more call of the connection may begin in this round. */
  #hasTurn(calls: ConnectionCalls): boolean {
    if (calls.round !== this.#round) return true;
    const sharers = Math.max(1, this.#calling.size, this.#calledBefore);
    return calls.begunInRound < Math.max(1, Math.floor(TURN_CALLS / sharers));
  }

  #takeTurns(): void {
    const now = performance.now();
    if (now - this.#periodAt >= CALLING_FOR_MS) {
      this.#calledBefore = this.#calling.size;
      this.#calling = new Set();
      this.#periodAt = now;
    }
    const later: ConnectionCalls[] = [];
    for (let left = TURN_CALLS; left > 0; ) {
      const [calls] = this.#ready;
      if (calls === undefined) break;
      this.#ready.delete(calls);
      const [call] = calls.waiting;
      if (call === undefined) continue;
      if (!this.#hasTurn(calls)) {
        later.push(calls);
        continue;
      }
      calls.waiting.delete(call);
      left--;
      this.#begin(call);
      this.#queue(calls);
    }
    for (const calls of later) this.#ready.add(calls);
    if (this.#ready.size > 0) this.#endRoundSoon();
  }

  #callsOf(connection: object): ConnectionCalls {
    const known = this.#connections.get(connection);
    if (known !== undefined) return known;
    const calls = {
      begun: new Set<Call>(),
      waiting: new Set<Call>(),
      round: -1,
      begunInRound: 0,
      holdTimer: undefined,
    };
    this.#connections.set(connection, calls);
    return calls;
  }
}

interface Call {
  readonly calls: ConnectionCalls;
  readonly begin: () => void;
}

interface ConnectionCalls {
  /** Calls that hold back the next ones. */
  readonly begun: Set<Call>;
  /** The oldest call comes first. */
  readonly waiting: Set<Call>;
  /** The round in which the connection's last call began, and the number of its calls that began in that round. */
  round: number;
  begunInRound: number;
  holdTimer: NodeJS.Timeout | undefined;
}
