import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { Caller, Outcome, Told } from "./caller.ts";
import { MixedLoad } from "./mixed-load.ts";
import { Tally } from "./tally.ts";

describe("the load on files of one caller", () => {
  const run = async (caller: MemoryCaller, calls = 300): Promise<MixedLoad> => {
    const ending = new AbortController();
    caller.onCall = () => {
      if (caller.calls >= calls) ending.abort();
    };
    const options = { seed: 1, folder: "load/0", sizesBytes: [10, 100] as const, pauseMs: 0, signal: ending.signal };
    const load = new MixedLoad(caller, new Tally(), options);
    await load.run();
    return load;
  };

  it("finds nothing wrong with a right service", async () => {
    const caller = new MemoryCaller();
    const load = await run(caller);
    expect([...load.problems, ...(await load.verify(caller))]).to.deep.equal([]);
    expect(caller.live.size).to.be.greaterThan(5);
  });

  it("takes either outcome of calls without an answer", async () => {
    const caller = new MemoryCaller();
    caller.fate = (nth) => (nth % 5 === 0 ? "lost" : nth % 7 === 0 ? "done unheard" : "done");
    const load = await run(caller);
    caller.fate = () => "done";
    expect([...load.problems, ...(await load.verify(caller))]).to.deep.equal([]);
  });

  it("names a file that is gone, one that is another, and one that came back", async () => {
    const caller = new MemoryCaller();
    const load = await run(caller);
    const [gone, other] = [...caller.live.keys()] as [string, string];
    const [back] = [...caller.deleted.keys()] as [string];
    caller.live.delete(gone);
    caller.live.set(other, 1);
    caller.live.set(back, 2);
    const problems = await load.verify(caller);
    expect(problems).to.have.length(3);
    for (const path of [gone, other, back])
      expect(problems.filter((one) => one.startsWith(`${path} `))).to.have.length(1);
  });

  it("names what a call without an answer cannot have left", async () => {
    const caller = new MemoryCaller();
    caller.fate = (nth) => (nth === 1 ? "lost" : "done");
    const load = await run(caller);
    caller.live.set("load/0/0", 3);
    expect(await load.verify(caller)).to.deep.equal(["load/0/0: a file of CRC32 3, which no call can have left"]);
  });

  it("names an answer that is not right, and a refusal", async () => {
    const caller = new MemoryCaller();
    caller.onRead = (sum) => (caller.calls > 100 ? sum + 1 : sum);
    expect((await run(caller)).problems[0]).to.match(/answered something else than was there$/);
    const forgetful = new MemoryCaller();
    forgetful.onRead = () => undefined;
    expect((await run(forgetful)).problems[0]).to.match(/was refused with FILE_NOT_FOUND$/);
  });
});

/** Files in memory. */
class MemoryCaller implements Caller {
  readonly retries = true;
  readonly live = new Map<string, number>();
  readonly deleted = new Map<string, number>();
  calls = 0;
  onCall: () => void = () => {};
  /** What reads show of a file's CRC32. */
  onRead: (sum: number) => number | undefined = (sum) => sum;
  /** What becomes of the nth call. */
  fate: (nth: number) => "done" | "done unheard" | "lost" = () => "done";

  upload = (path: string, bytes: Buffer) => this.#change(path, () => crc32(bytes), { to: path });
  copy = (path: string, target: string) => this.#change(path, () => this.live.get(path), { to: target });
  move = (path: string, target: string) => this.#change(path, () => this.#take(path), { to: target });
  undelete = (path: string) =>
    this.#change(
      path,
      () => {
        const sum = this.deleted.get(path);
        this.deleted.delete(path);
        return sum;
      },
      { to: path },
    );
  remove = (path: string) =>
    this.#change(path, () => {
      const sum = this.#take(path);
      if (sum !== undefined) this.deleted.set(path, sum);
      return sum;
    });

  async get(path: string): Promise<Outcome<Told>> {
    const found = await this.read(path);
    return found.kind === "done" ? { kind: "done", value: { path, crc32: found.value.crc32 } } : found;
  }

  async read(path: string): Promise<Outcome<{ crc32: number }>> {
    this.#count();
    const sum = this.live.get(path);
    const shown = sum === undefined ? undefined : this.onRead(sum);
    if (shown === undefined) return { kind: "refused", reason: "FILE_NOT_FOUND" };
    return { kind: "done", value: { crc32: shown } };
  }

  async list(prefix: string): Promise<Outcome<string[]>> {
    this.#count();
    return { kind: "done", value: [...this.live.keys()].filter((path) => path.startsWith(prefix)) };
  }

  close(): void {}

  #count(): void {
    this.calls++;
    this.onCall();
  }

  #take(path: string): number | undefined {
    const sum = this.live.get(path);
    this.live.delete(path);
    return sum;
  }

  async #change(path: string, make: () => number | undefined, { to }: { to?: string } = {}): Promise<Outcome<Told>> {
    this.#count();
    const fate = this.fate(this.calls);
    if (fate === "lost") return { kind: "failed", reason: "CONNECTION_LOST" };
    const sum = make();
    if (sum !== undefined && to !== undefined) this.live.set(to, sum);
    if (fate === "done unheard") return { kind: "failed", reason: "CONNECTION_LOST" };
    if (sum === undefined) return { kind: "refused", reason: "FILE_NOT_FOUND" };
    return { kind: "done", value: { path: to ?? path, crc32: sum } };
  }
}
