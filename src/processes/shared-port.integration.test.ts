import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { findFreePort } from "../devstack/tcp-port.ts";
import { stateOf } from "../testing/rigs/service/linux-processes.ts";
import { until } from "../testing/rigs/until.ts";
import { closeUntakenConnection } from "./shared-port.ts";

const MAIN = fileURLToPath(new URL("../testing/rigs/service/worker-main.ts", import.meta.url));
const REQUEST = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

describe("A port that workers share", () => {
  let port: number;
  let workers: Worker[];
  const sockets: Socket[] = [];
  /** Starts two workers, which take `connectionsMax` connections each. */
  const start = async (connectionsMax: number) => {
    port = await findFreePort();
    cluster.setupPrimary({ exec: MAIN, args: [String(port), String(connectionsMax)], execArgv: ["--no-warnings"] });
    workers = [1, 2].map(() => cluster.fork());
    for (const worker of workers) closeUntakenConnection(worker);
    await Promise.all(workers.map((worker) => once(worker, "listening")));
  };
  /** Connects and asks. Resolves to whether there was an answer before the connection was closed. */
  const ask = async (): Promise<boolean> => {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    socket.write(REQUEST);
    return await new Promise((resolve) => {
      socket.once("data", () => resolve(true));
      socket.once("error", () => resolve(false)).once("close", () => resolve(false));
    });
  };
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    const ended = workers.filter((worker) => !worker.isDead()).map((worker) => once(worker, "exit"));
    for (const worker of workers) worker.process.kill("SIGKILL");
    await Promise.all(ended);
  });

  it("refuses connections above the limit of all workers, and keeps none of them with the supervisor", async () => {
    await start(2);
    for (let taken = 0; taken < 4; taken++) expect(await ask(), `connection ${taken}`).to.equal(true);
    const before = countSockets();
    // A refused caller is told so, and does not wait.
    for (let more = 0; more < 10; more++) expect(await ask(), `connection ${4 + more}`).to.equal(false);
    await until("no socket is left", () => countSockets() <= before);
    sockets[0]?.destroy();
    await until("a place that is free again is taken", ask);
  });

  it("closes the connection that was on its way to a worker when that was killed", async () => {
    await start(100);
    const [stopped] = workers as [Worker, Worker];
    stopped.process.kill("SIGSTOP");
    await until("it stands still", () => stateOf(stopped.process.pid) === "T");
    // One of the two connections is given to the worker that stands still, and waits.
    const fates = [ask(), ask()];
    expect(await Promise.race(fates)).to.equal(true);
    stopped.process.kill("SIGKILL");
    expect((await Promise.all(fates)).sort()).to.deep.equal([false, true]);
  });
});

/** Number of sockets that this process has open: listening ones, and both ends of connections within it. */
function countSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
}
