import { expect } from "chai";
import type { FileChanges } from "../domain/files/file-changes.ts";
import { FileChangeFollower } from "./follow-file-changes.ts";

describe("FileChangeFollower", () => {
  const createFollower = () => {
    const polls: PromiseWithResolvers<FileChanges>[] = [];
    const told: unknown[] = [];
    const poll = () => {
      polls.push(Promise.withResolvers());
      return (polls.at(-1) as PromiseWithResolvers<FileChanges>).promise;
    };
    const cache = {
      evict: (paths: unknown, position: bigint) => told.push({ paths, position }),
      clear: (position?: bigint) => told.push({ all: position }),
    };
    const heard = Promise.withResolvers<void>();
    const siblings = { told: [] as FileChanges[], heard, forget: (_: FileChanges) => {} };
    const follower = new FileChangeFollower({ poll }, cache as never, {
      tell: (changes) => {
        siblings.told.push(changes);
        return heard.promise;
      },
      listen: (forget) => {
        siblings.forget = forget;
      },
    });
    return { polls, told, follower, siblings };
  };
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const paths = [{ namespace: "default", path: "a" }];

  it("has those who call during a poll share the next one, which begins after their call", async () => {
    const { polls, told, follower, siblings } = createFollower();
    siblings.heard.resolve();
    const first = follower.catchUp();
    const later = [follower.catchUp(), follower.catchUp()];
    expect(polls).to.have.length(1);
    polls[0]?.resolve({ paths, position: 1n });
    expect(await first).to.equal(1n);
    await turn();
    expect(polls).to.have.length(2);
    polls[1]?.resolve({ paths: [], position: 2n });
    expect(await Promise.all(later)).to.deep.equal([2n, 2n]);
    expect(told).to.deep.equal([
      { paths, position: 1n },
      { paths: [], position: 2n },
    ]);
  });

  it("tells its siblings, waits until they know, and forgets what they tell", async () => {
    const { polls, told, follower, siblings } = createFollower();
    const first = follower.catchUp();
    polls[0]?.resolve({ paths, position: 1n });
    await turn();
    expect(siblings.told).to.deep.equal([{ paths, position: 1n }]);
    // The next poll does not wait, but what it answers stands behind the first one, too.
    const second = follower.catchUp();
    expect(polls).to.have.length(2);
    polls[1]?.resolve({ paths: [], position: 2n });
    let isAnswered = false;
    for (const call of [first, second]) {
      void call.then(() => {
        isAnswered = true;
      });
    }
    await turn();
    expect(isAnswered).to.equal(false);
    siblings.heard.resolve();
    expect(await Promise.all([first, second])).to.deep.equal([1n, 2n]);
    expect(siblings.told, "nothing of a poll that found nothing").to.have.length(1);
    siblings.forget({ paths, position: 9n });
    expect(told.at(-1)).to.deep.equal({ paths, position: 9n });
  });

  it("forgets all where the changes are unknown or the feed fails, and goes on", async () => {
    const { polls, told, follower, siblings } = createFollower();
    siblings.heard.resolve();
    const unknown = follower.catchUp();
    const failing = follower.catchUp().catch((error: Error) => error.message);
    polls[0]?.resolve({ paths: undefined, position: 5n });
    await unknown;
    await turn();
    polls[1]?.reject(new Error("away"));
    expect(await failing).to.equal("away");
    expect(told).to.deep.equal([{ all: 5n }, { all: undefined }]);
    const again = follower.catchUp();
    polls[2]?.resolve({ paths, position: 6n });
    expect(await again).to.equal(6n);
  });
});
