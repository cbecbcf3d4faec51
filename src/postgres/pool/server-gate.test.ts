import { expect } from "chai";
import { STEADY_LIMITS } from "../../domain/limits/steady-health.ts";
import { settle } from "../../testing/fakes/settle.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { BorderCall } from "./border-call.ts";
import { ServerGate } from "./server-gate.ts";

describe("ServerGate", () => {
  const gone = new Error("does not answer");
  const open = () => {
    const server = { isThere: true, asked: 0, answer: undefined as Promise<void> | undefined };
    const gate = new ServerGate(async () => {
      server.asked++;
      await server.answer;
      if (!server.isThere) throw gone;
    });
    return { server, gate };
  };
  const begin = async ({ interceptor }: ServerGate) => await interceptor.beforePoolConnection?.({} as never);
  const toContext = (queryId: string) => ({ queryId }) as never;
  const send = ({ interceptor }: ServerGate, queryId: string) =>
    interceptor.beforeQueryExecution?.(toContext(queryId), {} as never);
  const answer = ({ interceptor }: ServerGate, queryId = "") =>
    interceptor.afterQueryExecution?.(toContext(queryId), {} as never, {} as never);
  const fail = ({ interceptor }: ServerGate, queryId: string) =>
    interceptor.queryExecutionError?.(toContext(queryId), {} as never, {} as never, []);
  const openClosed = async () => {
    const { server, gate } = open();
    server.isThere = false;
    for (let checks = 0; checks < STEADY_LIMITS.awayAfterChecks; checks++) await catchError(() => gate.check());
    server.asked = 0;
    return { server, gate };
  };

  it("closes when as many checks in a row have failed as the limit says", async () => {
    const { server, gate } = open();
    server.isThere = false;
    expect(await catchError(() => gate.check())).to.equal(gone);
    expect(gate.isClosed, "one failed check").to.equal(false);
    await begin(gate);
    await catchError(() => gate.check());
    expect(gate.isClosed).to.equal(true);
    expect(await catchError(() => begin(gate))).to.equal(gone);
  });

  it("asks one question at a time, for all statements that come while it is closed", async () => {
    const { server, gate } = await openClosed();
    const answered = Promise.withResolvers<void>();
    server.answer = answered.promise;
    const first = catchError(() => begin(gate));
    await settle();
    const others = Array.from({ length: 100 }, () => catchError(() => begin(gate)));
    await settle();
    expect(server.asked, "before the first answer").to.equal(1);
    answered.resolve();
    expect(new Set([await first, ...(await Promise.all(others))])).to.deep.equal(new Set([gone]));
    expect(server.asked, "once more, after the others came").to.equal(2);
  });

  it("opens with the first statement after the server is back, though a question from before is under way", async () => {
    const { server, gate } = await openClosed();
    const answered = Promise.withResolvers<void>();
    server.answer = answered.promise;
    const early = catchError(() => gate.check());
    await settle();
    const late = begin(gate);
    answered.resolve();
    await early;
    server.isThere = true;
    expect(await late).to.equal(null);
    expect(gate.isClosed).to.equal(false);
  });

  it("stays open while statements are answered, though no question is", async () => {
    const { server, gate } = open();
    server.isThere = false;
    for (let checks = 0; checks < 5; checks++) {
      const answered = Promise.withResolvers<void>();
      server.answer = answered.promise;
      const checking = gate.check();
      answer(gate);
      answered.resolve();
      await checking;
    }
    expect(gate.isClosed).to.equal(false);
  });

  it("gives up the calls whose statements are under way when it closes, and no others", async () => {
    const { server, gate } = open();
    const calls = { answered: new BorderCall(), failed: new BorderCall(), waiting: new BorderCall() };
    for (const [queryId, call] of Object.entries(calls)) call.run(() => send(gate, queryId));
    answer(gate, "answered");
    fail(gate, "failed");
    server.isThere = false;
    for (let checks = 0; checks < STEADY_LIMITS.awayAfterChecks; checks++) await catchError(() => gate.check());
    const causes = Object.values(calls).map(({ cause }) => cause);
    expect(causes).to.deep.equal([undefined, undefined, gone]);
  });

  it("gives up the work that waits when it closes, and no later work", async () => {
    const { server, gate } = open();
    expect(await gate.whileOpen(Promise.resolve(1))).to.equal(1);
    const waiting = catchError(() => gate.whileOpen(new Promise(() => {})));
    server.isThere = false;
    for (let checks = 0; checks < STEADY_LIMITS.awayAfterChecks; checks++) await catchError(() => gate.check());
    expect(await waiting).to.equal(gone);
    server.isThere = true;
    await gate.check();
    expect(await gate.whileOpen(Promise.resolve(2))).to.equal(2);
  });
});
