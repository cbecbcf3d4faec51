import { expect } from "chai";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { createCallLog, FAILURE_LINES_MAX, FAILURE_WINDOW_MS } from "./call-log.ts";
import { type CallEnd, type CallFailure, ObservedCall } from "./observed-call.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const WELL: CallEnd = { durationMs: 12.3456, httpStatus: 200, isCallerGone: false };

describe("createCallLog", () => {
  /** A log whose window the test ends, and its lines. */
  function open() {
    const lines: Record<string, unknown>[] = [];
    const write = (level: string) => (fields: object, message: string) => {
      lines.push({ level, message, ...fields });
    };
    const timers: [work: () => void, delayMs: number][] = [];
    const onEnd = createCallLog(
      { debug: write("debug"), info: write("info"), warn: write("warn") },
      { startTimer: (...timer) => timers.push(timer) },
    );
    return { lines, timers, onEnd };
  }
  function observe(method: string, failure?: CallFailure): ObservedCall {
    const headers: Record<string, string> = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
    const call = new ObservedCall("grpc", (name) => headers[name], "192.0.2.7");
    call.method = method;
    if (failure !== undefined) call.fail(failure);
    return call;
  }
  const missing = { code: "not_found", reason: "FILE_NOT_FOUND" } as const;

  it("says of a call who called what, how it ended, what it carried and how long it took", () => {
    const { lines, onEnd } = open();
    const call = observe("sluice.v1.UploadService/WriteUpload");
    call.caller = { ...SAMPLE_CALLER, address: "203.0.113.9" };
    call.namespace = "default";
    call.countReceivedBytes = () => 1000;
    onEnd(call, WELL);
    const { principal, tokenKind } = SAMPLE_CALLER;
    expect(lines).to.deep.equal([
      {
        ...{
          level: "info",
          message: "call",
          method: "sluice.v1.UploadService/WriteUpload",
          face: "grpc",
          outcome: "OK",
        },
        ...{ durationMs: 12.3, namespace: "default", principal, tokenKind, fileBytes: 1000, address: "203.0.113.9" },
        traceId: TRACE,
      },
    ]);
  });

  it("tells the address of the connection of a caller that nobody knows, and a trace of its own without a caller's", () => {
    const { lines, onEnd } = open();
    const call = new ObservedCall("rest", () => undefined, "192.0.2.7");
    onEnd(call, { ...WELL, httpStatus: 404 });
    expect(lines[0]).to.include({ level: "info", method: "_OTHER", outcome: "HTTP_404", address: "192.0.2.7" });
    expect(lines[0]?.traceId).to.match(/^[0-9a-f]{32}$/);
    expect(lines[0]).not.to.have.any.keys("principal", "namespace", "fileBytes");
  });

  it("tells the first failure, warns of those of the service, and hardly mentions questions after its health", () => {
    const { lines, onEnd } = open();
    const failed = observe("a", { code: "unavailable", reason: "DATABASE_UNAVAILABLE" });
    failed.fail(missing);
    onEnd(failed, { ...WELL, isCallerGone: true });
    onEnd(observe("a", missing), WELL);
    onEnd(observe("a"), { ...WELL, isCallerGone: true });
    onEnd(observe("grpc.health.v1.Health/Check"), WELL);
    expect(lines.map(({ level, outcome }) => [level, outcome])).to.deep.equal([
      ["warn", "DATABASE_UNAVAILABLE"],
      ["info", "FILE_NOT_FOUND"],
      ["info", "CALLER_GONE"],
      ["debug", "OK"],
    ]);
  });

  it("writes a bounded number of lines of calls that fail alike, and how many more there were", () => {
    const { lines, timers, onEnd } = open();
    for (let call = 0; call < FAILURE_LINES_MAX + 7; call++) onEnd(observe("a", missing), WELL);
    onEnd(observe("b", missing), WELL);
    expect(lines).to.have.length(FAILURE_LINES_MAX + 1);
    const [[endWindow, delayMs] = []] = timers;
    expect([timers.length, delayMs]).to.deep.equal([1, FAILURE_WINDOW_MS]);
    endWindow?.();
    expect(lines.slice(FAILURE_LINES_MAX + 1)).to.deep.equal([
      {
        ...{ level: "warn", message: "more calls failed alike, without lines of their own" },
        ...{ method: "a", outcome: "FILE_NOT_FOUND", calls: 7 },
      },
    ]);
    onEnd(observe("a", missing), WELL);
    expect([lines.length, timers.length]).to.deep.equal([FAILURE_LINES_MAX + 3, 2]);
  });

  it("writes every call that ends well", () => {
    const { lines, onEnd } = open();
    for (let call = 0; call < 3 * FAILURE_LINES_MAX; call++) onEnd(observe("a"), WELL);
    expect(lines).to.have.length(3 * FAILURE_LINES_MAX);
  });
});
