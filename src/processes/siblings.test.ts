import { expect } from "chai";
import type { CallerPosition, Siblings } from "../domain/siblings.ts";
import { useManualClock } from "../testing/fakes/use-manual-clock.ts";
import { joinSiblings, type RelayedWorker, SiblingRelay } from "./siblings.ts";

/** A supervisor and its workers in one process; messages are JSON on their way, as between processes. */
class Workers {
  now = 0;
  readonly members = new Map<number, Member>();
  readonly relay = new SiblingRelay(() => this.members.values(), { now: () => this.now });

  start(id: number): Member {
    const member = new Member(id, this.relay);
    this.members.set(id, member);
    return member;
  }
}

class Member implements RelayedWorker {
  readonly id: number;
  readonly siblings: Siblings;
  readonly heard: CallerPosition[] = [];
  readonly got: object[] = [];
  isAway = false;
  /** While this is true, messages wait, as for a process that does not run. */
  isStopped = false;
  #waiting: string[] = [];
  #listener: (message: unknown) => void = () => {};

  constructor(id: number, relay: SiblingRelay) {
    this.id = id;
    this.siblings = joinSiblings({
      send: (message) => {
        if (!this.isAway) relay.take(this, JSON.parse(JSON.stringify(message)));
      },
      onMessage: (listener) => {
        this.#listener = listener;
      },
    });
    this.siblings.listen((changes) => this.heard.push(changes));
  }

  isConnected(): boolean {
    return !this.isAway;
  }

  send(message: object): void {
    this.got.push(message);
    this.#waiting.push(JSON.stringify(message));
    if (!this.isStopped) this.run();
  }

  run(): void {
    this.isStopped = false;
    for (const message of this.#waiting.splice(0)) this.#listener(JSON.parse(message));
  }
}

const isSettled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);

describe("Siblings", () => {
  const { pass } = useManualClock();

  it("hear what one of them tells, and it hears that they have", async () => {
    const workers = new Workers();
    const [one, two, three] = [workers.start(1), workers.start(2), workers.start(3)];
    await one.siblings.tell({ principal: "dev:a", position: 1024n });
    for (const other of [two, three]) expect(other.heard).to.deep.equal([{ principal: "dev:a", position: 1024n }]);
    expect(one.heard).to.deep.equal([]);
    await two.siblings.tell({ principal: "dev:b", position: 7n });
    expect(one.heard).to.deep.equal([{ principal: "dev:b", position: 7n }]);
  });

  it("are waited for, all of them", async () => {
    const workers = new Workers();
    const [one, two, three] = [workers.start(1), workers.start(2), workers.start(3)];
    two.isStopped = true;
    three.isStopped = true;
    const told = one.siblings.tell({ principal: "dev:a", position: 1n });
    expect(await isSettled(told)).to.equal(false);
    two.run();
    expect(await isSettled(told), "one has heard").to.equal(false);
    three.run();
    await told;
  });

  it("are not waited for once they have ended, or where there are none", async () => {
    const workers = new Workers();
    const one = workers.start(1);
    await one.siblings.tell({ principal: "dev:a", position: 1n });
    const two = workers.start(2);
    two.isStopped = true;
    const told = one.siblings.tell({ principal: "dev:a", position: 2n });
    expect(await isSettled(told)).to.equal(false);
    workers.members.delete(2);
    workers.relay.remove(two);
    await told;
    workers.relay.remove(two);
  });

  it("are waited for no longer than a fifth of a second, and passed over until they answer again", async () => {
    const workers = new Workers();
    const [one, two] = [workers.start(1), workers.start(2)];
    two.isStopped = true;
    const told = one.siblings.tell({ principal: "dev:a", position: 1n });
    await pass(199);
    expect(await isSettled(told)).to.equal(false);
    await pass(1);
    await told;
    workers.now = 200;
    await one.siblings.tell({ principal: "dev:a", position: 2n });
    expect(two.got, "no more is piled up for it").to.have.length(1);
    two.run();
    expect(two.heard).to.have.length(1);
    await one.siblings.tell({ principal: "dev:a", position: 3n });
    expect(two.heard.map(({ position }) => position)).to.deep.equal([1n, 3n]);
  });

  it("are sent no more than a thousand messages that they have not heard", async () => {
    const workers = new Workers();
    const [one, two] = [workers.start(1), workers.start(2)];
    two.isStopped = true;
    const told = Array.from({ length: 1500 }, () => one.siblings.tell({ principal: "dev:a", position: 1n }));
    expect(two.got).to.have.length(1000);
    two.run();
    await Promise.all(told);
  });

  it("are told nothing by a worker that has lost its supervisor, which nobody waits for", async () => {
    const workers = new Workers();
    const [one, two] = [workers.start(1), workers.start(2)];
    one.isAway = true;
    const told = one.siblings.tell({ principal: "dev:a", position: 1n });
    expect(await isSettled(told)).to.equal(false);
    await pass(200);
    await told;
    expect(two.heard).to.deep.equal([]);
    await two.siblings.tell({ principal: "dev:a", position: 1n });
    expect(one.heard).to.deep.equal([]);
  });

  it("pass over messages of others", () => {
    const workers = new Workers();
    const [one, two] = [workers.start(1), workers.start(2)];
    for (const message of [null, "x", 7, {}, { kind: "other" }, { kind: "sluice-heard", number: 99 }]) {
      workers.relay.take(one, message);
      one.send(message as object);
    }
    workers.relay.take(one, undefined);
    expect(two.got).to.deep.equal([]);
    expect(one.heard).to.deep.equal([]);
  });
});
