import { expect } from "chai";
import type { FileChanges } from "../domain/file-changes.ts";
import { FileChangeFollower } from "./follow-file-changes.ts";

describe("FileChangeFollower", () => {
  const createFollower = () => {
    const looks: PromiseWithResolvers<FileChanges>[] = [];
    const told: unknown[] = [];
    const look = () => {
      looks.push(Promise.withResolvers());
      return (looks.at(-1) as PromiseWithResolvers<FileChanges>).promise;
    };
    const cache = {
      evict: (paths: unknown, position: bigint) => told.push({ paths, position }),
      clear: (position?: bigint) => told.push({ all: position }),
    };
    return { looks, told, follower: new FileChangeFollower({ look }, cache as never) };
  };
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const paths = [{ namespace: "default", path: "a" }];

  it("has those who call during a look share the next one, which begins after their call", async () => {
    const { looks, told, follower } = createFollower();
    const first = follower.catchUp();
    const later = [follower.catchUp(), follower.catchUp()];
    expect(looks).to.have.length(1);
    looks[0]?.resolve({ paths, position: 1n });
    expect(await first).to.equal(1n);
    await turn();
    expect(looks).to.have.length(2);
    looks[1]?.resolve({ paths: [], position: 2n });
    expect(await Promise.all(later)).to.deep.equal([2n, 2n]);
    expect(told).to.deep.equal([
      { paths, position: 1n },
      { paths: [], position: 2n },
    ]);
  });

  it("forgets all where the changes are unknown or the feed fails, and goes on", async () => {
    const { looks, told, follower } = createFollower();
    const unknown = follower.catchUp();
    const failing = follower.catchUp().catch((error: Error) => error.message);
    looks[0]?.resolve({ paths: undefined, position: 5n });
    await unknown;
    await turn();
    looks[1]?.reject(new Error("away"));
    expect(await failing).to.equal("away");
    expect(told).to.deep.equal([{ all: 5n }, { all: undefined }]);
    const again = follower.catchUp();
    looks[2]?.resolve({ paths, position: 6n });
    expect(await again).to.equal(6n);
  });
});
