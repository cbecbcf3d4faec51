import { expect } from "chai";
import { FakeNamespaceRepository } from "../testing/fakes/fake-namespace-repository.ts";
import { expectRefusal, TEST_ACTOR } from "../testing/rigs/database/repository-subject.ts";
import { sampleNamespace } from "../testing/samples/sample-records.ts";
import { GRANTS_AGE_MAX_MS, NamespaceDirectory } from "./namespace-directory.ts";

const READER = { member: { principal: "acme:alice" }, roles: ["reader"], prefixes: [] } as const;

describe("NamespaceDirectory", () => {
  let repository: FakeNamespaceRepository;
  let directory: NamespaceDirectory;
  let nowMs: number;
  let questions: number;
  let isAway: boolean;

  beforeEach(async () => {
    [nowMs, questions, isAway] = [1_000_000, 0, false];
    repository = new FakeNamespaceRepository();
    const listChanged = async (version: number) => {
      questions++;
      if (isAway) throw new Error("the database is away");
      return await repository.listChanged(version);
    };
    directory = new NamespaceDirectory({ listChanged }, { now: () => nowMs });
    await repository.create(sampleNamespace());
    await directory.refresh();
  });

  const scopeOfAlice = () => directory.grantsOf("default")?.scopeOf({ principal: "acme:alice", groups: [] }, "reader");

  it("knows namespaces and grants, and forgets a namespace that is deleted", async () => {
    await repository.setGrants("default", [READER], { actor: TEST_ACTOR });
    expect(scopeOfAlice()).to.deep.equal([]);
    await directory.catchUp();
    expect(scopeOfAlice()).to.deep.equal([""]);
    expect([...directory.values()].map(({ name }) => name)).to.deep.equal(["default"]);
    await repository.delete("default", { actor: TEST_ACTOR });
    await directory.catchUp();
    expect([directory.get("default"), directory.get("default"), directory.grantsOf("default")]).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("decides from memory until it is five seconds old, and asks the database then", async () => {
    nowMs += GRANTS_AGE_MAX_MS - 100;
    expect(directory.freshen("default")).to.equal(undefined);
    expect(questions).to.equal(1);
    nowMs += 200;
    await repository.setGrants("default", [READER], { actor: TEST_ACTOR });
    await directory.freshen("default");
    expect([questions, scopeOfAlice()]).to.deep.equal([2, [""]]);
    expect(directory.freshen("default")).to.equal(undefined);
  });

  it("decides nothing from older memory while the database is away", async () => {
    isAway = true;
    nowMs += GRANTS_AGE_MAX_MS - 100;
    expect(directory.freshen("default")).to.equal(undefined);
    nowMs += 200;
    const refusal = await expectRefusal(directory.freshen("default") as Promise<void>, "DATABASE_UNAVAILABLE");
    expect(refusal).to.include({ code: "unavailable", retryAfterMs: 1000 });
    isAway = false;
    await directory.freshen("default");
    expect(directory.freshen("default")).to.equal(undefined);
  });

  it("counts its age from when it asked, not from when the answer came", async () => {
    let answer = () => {};
    const slow = new NamespaceDirectory(
      {
        listChanged: async (version) => {
          const changed = await repository.listChanged(version);
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
          return changed;
        },
      },
      { now: () => nowMs },
    );
    const read = slow.refresh();
    await Promise.resolve();
    nowMs += GRANTS_AGE_MAX_MS + 1;
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    await read;
    expect(slow.freshen("default")).not.to.equal(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    answer();
  });

  it("asks for names that it does not know, at most five times a second", async () => {
    for (let ms = 0; ms < 1000; ms += 10) {
      nowMs += 10;
      await directory.freshen(`unknown-${ms}`);
    }
    expect(questions - 1).to.equal(5);
    await repository.create(sampleNamespace({ name: "new", bucket: "new-bucket" }));
    nowMs += 200;
    await directory.freshen("new");
    expect(directory.get("new")).to.include({ bucket: "new-bucket" });
  });

  it("answers that a name is unknown from memory while the database is away, until memory is too old", async () => {
    isAway = true;
    nowMs += 1000;
    await directory.freshen("unknown");
    nowMs += GRANTS_AGE_MAX_MS;
    await expectRefusal(directory.freshen("unknown") as Promise<void>, "DATABASE_UNAVAILABLE");
  });

  it("sees its own change although a question is under way that misses it", async () => {
    let answer = () => {};
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let asked = 0;
    const slow = new NamespaceDirectory({
      listChanged: async (version) => {
        const changed = await repository.listChanged(version);
        if (++asked === 1) await gate;
        return changed;
      },
    });
    const missing = slow.refresh();
    await Promise.resolve();
    await repository.setGrants("default", [READER], { actor: TEST_ACTOR });
    const caughtUp = slow.catchUp();
    answer();
    await Promise.all([missing, caughtUp]);
    expect(slow.get("default")?.grants).to.deep.equal([READER]);
    expect(asked).to.equal(2);
  });
});
