// The others: callers from 127.0.0.1, and a load balancer that asks whether the service lives. Each caller puts a file and
// gets its metadata, one call after the other. The program tells what became of the calls since the last message.
import { Agent, request as requestHttp } from "node:http";
import { bigFileBytes } from "./attack.ts";

/** The arguments of this program. */
export interface OtherCallersArguments {
  readonly url: string;
  readonly token: string;
  readonly bigPath: string;
}

/** The calls that ended in one window of time, by how they ended. */
export interface OthersWindow {
  /** Calls that succeeded: each wrote a file or got its metadata. */
  readonly calls: number;
  /** Calls that were refused or ended without an answer. */
  readonly failures: number;
  /**
   * Times of `/livez`, each over a connection of its own. A call that is still under way counts with the time that it has
   * taken so far.
   */
  readonly livezMs: readonly number[];
}

const { url, token, bigPath } = JSON.parse(process.argv[2]!) as OtherCallersArguments;
const headers = { authorization: `Bearer ${token}` };
const files = `${url}/v1/namespaces/default/files`;
const body = Buffer.alloc(64 * 1024, 1);
const writers = 4;
const readers = 4;
const livezEveryMs = 50;
const agent = new Agent({ keepAlive: true, maxSockets: writers + readers });
let [calls, failures] = [0, 0];
let livezMs: number[] = [];
const livezUnderWay = new Set<number>();

process.on("disconnect", () => process.exit());
process.on("message", () => {
  const late = [...livezUnderWay].map((begun) => performance.now() - begun);
  process.send!({ calls, failures, livezMs: [...livezMs, ...late] } satisfies OthersWindow);
  [calls, failures, livezMs] = [0, 0, []];
});

await send(`${files}/${bigPath}`, { method: "PUT", body: Buffer.alloc(bigFileBytes), agent });
for (let index = 0; index < writers; index++)
  void loop(() => send(`${files}/others/${index}`, { method: "PUT", body, agent }));
for (let index = 0; index < readers; index++) void loop(() => send(`${files}/${bigPath}`, { method: "GET", agent }));
setInterval(async () => {
  const begun = performance.now();
  livezUnderWay.add(begun);
  await send(`${url}/livez`, { method: "GET" }).catch(() => undefined);
  livezUnderWay.delete(begun);
  livezMs.push(performance.now() - begun);
}, livezEveryMs);
process.send!({ ready: true });

async function loop(call: () => Promise<void>): Promise<never> {
  for (;;) {
    await call().then(
      () => calls++,
      () => failures++,
    );
    // A refusal comes at once; this pause keeps the loop from starving everything else.
    await new Promise(setImmediate);
  }
}

/** Resolves when the answer says 2xx. */
async function send(to: string, options: { method: string; body?: Buffer; agent?: Agent }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sent = requestHttp(to, { method: options.method, headers, agent: options.agent ?? false });
  sent.on("error", reject);
  sent.on("response", (response) => {
    response.on("error", reject).resume();
    response.on("end", () =>
      (response.statusCode ?? 500) < 300 ? resolve() : reject(new Error(`${to}: ${response.statusCode}`)),
    );
  });
  sent.end(options.body);
  await promise;
}
