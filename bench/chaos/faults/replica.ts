import { type StackChild, startChild } from "../../../src/devstack/child-process.ts";
import { untilReady } from "../../kills/mortal-service.ts";
import { freePort } from "../../machine/free-port.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const MAIN = new URL("../../../src/main.ts", import.meta.url);

/** One replica of the service: a process that is started, stopped, killed and paused, on one port. */
export class Replica {
  /** The line by which callers reach it. */
  readonly proxy: FaultProxy;
  readonly #environment: (port: number) => Readonly<Record<string, string>>;
  readonly #port: number;
  #child: StackChild | undefined;

  private constructor(
    proxy: FaultProxy,
    port: number,
    environment: (port: number) => Readonly<Record<string, string>>,
  ) {
    this.proxy = proxy;
    this.#port = port;
    this.#environment = environment;
  }

  /** Starts it with the environment for its port, and waits until it is ready. */
  static async start(environment: (port: number) => Readonly<Record<string, string>>): Promise<Replica> {
    const port = await freePort();
    const replica = new Replica(await startFaultProxy(port), port, environment);
    await replica.start();
    return replica;
  }

  /** Callers reach the replica at this URL. */
  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const child = startChild("the service", MAIN, { args: [], env: this.#environment(this.#port) });
    this.#child = child;
    await untilReady(`http://127.0.0.1:${this.#port}`, child, () => true);
  }

  /** SIGTERM; resolves once it has drained and ended. */
  async stop(): Promise<void> {
    await this.#child?.stop();
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** SIGSTOP: it keeps its connections and does nothing, until `resume`. */
  pause(): void {
    if (this.#child !== undefined) process.kill(this.#child.pid, "SIGSTOP");
  }

  resume(): void {
    if (this.#child !== undefined) process.kill(this.#child.pid, "SIGCONT");
  }

  async close(): Promise<void> {
    await this.kill();
    await this.proxy.close();
  }
}
