import { expect } from "chai";
import type { File } from "../domain/files/file.ts";
import { FileCache } from "./file-cache.ts";

const PLACE = { namespace: "default", path: "a" };
const fileOf = (generation: number, text = "") =>
  ({ path: "a", contentType: text, metadata: {}, labels: {}, dataSubject: "", generation }) as unknown as File;

describe("FileCache", () => {
  it("answers from memory until the age that is allowed, and counts it", async () => {
    let now = 1;
    const cache = new FileCache({ filesMax: 10, bytesMax: 1e6, ageMaxMs: 5000 }, { now: () => now });
    let loads = 0;
    const get = () => cache.get(PLACE, async () => fileOf(++loads));
    for (let call = 0; call < 10; call++) expect((await get()).generation).to.equal(1);
    expect(cache.counts).to.deep.equal({ hits: 9, misses: 1, evictions: 0 });
    now += 4999;
    expect((await get()).generation).to.equal(1);
    now += 2;
    expect((await get()).generation).to.equal(2);
  });

  it("asks once for those who ask at once", async () => {
    const cache = new FileCache();
    const loaded = Promise.withResolvers<File>();
    let loads = 0;
    const load = () => {
      loads++;
      return loaded.promise;
    };
    const answers = [1, 2, 3].map(() => cache.get(PLACE, load));
    loaded.resolve(fileOf(7));
    expect((await Promise.all(answers)).map(({ generation }) => generation)).to.deep.equal([7, 7, 7]);
    expect(loads).to.equal(1);
  });

  it("keeps no answer that was on its way when its path changed, and asks the next time behind the change", async () => {
    const cache = new FileCache();
    const old = Promise.withResolvers<File>();
    const before = cache.get(PLACE, () => old.promise);
    cache.evict([PLACE], 40n);
    const asked: bigint[] = [];
    const load = async ({ position }: { position: bigint }) => {
      asked.push(position);
      return fileOf(2);
    };
    const after = cache.get(PLACE, load);
    old.resolve(fileOf(1));
    expect((await before).generation).to.equal(1);
    expect((await after).generation).to.equal(2);
    expect((await cache.get(PLACE, load)).generation, "from memory").to.equal(2);
    expect(asked).to.deep.equal([40n]);
  });

  it("asks behind the latest of several changes, in whatever order it hears of them", async () => {
    const cache = new FileCache();
    cache.evict([PLACE], 50n);
    cache.evict([PLACE], 40n);
    const asked: bigint[] = [];
    await cache.get(PLACE, async ({ position }) => {
      asked.push(position);
      return fileOf(2);
    });
    expect(asked).to.deep.equal([50n]);
  });

  it("does the same for all paths where nobody knows which have changed", async () => {
    const cache = new FileCache();
    const old = Promise.withResolvers<File>();
    const before = cache.get(PLACE, () => old.promise);
    cache.clear(50n);
    old.resolve(fileOf(1));
    await before;
    const asked: bigint[] = [];
    await cache.get(PLACE, async ({ position }) => {
      asked.push(position);
      return fileOf(2);
    });
    expect(asked).to.deep.equal([50n]);
  });

  it("asks again for a caller that has seen more than what it keeps", async () => {
    const cache = new FileCache();
    cache.evict([], 100n);
    let loads = 0;
    const get = (position: bigint) => cache.get(PLACE, async () => fileOf(++loads), { position });
    expect((await get(0n)).generation).to.equal(1);
    expect((await get(10n)).generation).to.equal(2);
    expect((await get(10n)).generation, "from memory").to.equal(2);
    expect((await get(9n)).generation, "from memory").to.equal(2);
    expect((await get(11n)).generation).to.equal(3);
  });

  it("takes nobody's word for how far others have seen what it keeps", async () => {
    const cache = new FileCache();
    cache.evict([], 10n);
    let loads = 0;
    const get = (position: bigint) => cache.get(PLACE, async () => fileOf(++loads), { position });
    const forged = 2n ** 64n - 1n;
    const both = await Promise.all([get(forged), get(11n)]);
    expect(both.map(({ generation }) => generation)).to.deep.equal([1, 2]);
    expect((await get(11n)).generation, "not from memory").to.equal(3);
    expect((await get(10n)).generation, "from memory").to.equal(3);
    cache.evict([], 11n);
    expect((await get(11n)).generation).to.equal(4);
    expect((await get(11n)).generation, "from memory").to.equal(4);
  });

  it("keeps neither absence nor failure", async () => {
    const cache = new FileCache();
    const absent = new Error("not there");
    const refused = await cache.get(PLACE, () => Promise.reject(absent)).catch((error) => error);
    expect(refused).to.equal(absent);
    expect((await cache.get(PLACE, async () => fileOf(1))).generation).to.equal(1);
  });

  it("keeps no more files, and no more bytes, than it may", async () => {
    const limits = { filesMax: 3, bytesMax: 10_000, ageMaxMs: 5000 };
    const loadsOf = async (text: string) => {
      const cache = new FileCache(limits);
      let loads = 0;
      for (let round = 0; round < 2; round++) {
        for (const path of ["1", "2", "3"]) {
          await cache.get({ namespace: "n", path }, async () => {
            loads++;
            return fileOf(1, text);
          });
        }
      }
      return loads;
    };
    expect(await loadsOf("")).to.equal(3);
    expect(await loadsOf("x".repeat(2000)), "each takes half").to.equal(6);
    const cache = new FileCache(limits);
    for (let path = 0; path < 4; path++) await cache.get({ namespace: "n", path: String(path) }, async () => fileOf(1));
    expect((await cache.get({ namespace: "n", path: "0" }, async () => fileOf(2))).generation).to.equal(2);
  });
});
