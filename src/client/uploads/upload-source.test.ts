import { expect } from "chai";
import { createIterableSource } from "./upload-source.ts";

const signal = new AbortController().signal;
const KIB = 1024;

async function* piecesOf(sizeBytes: number, count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(sizeBytes, i + 1);
}

describe("createIterableSource", () => {
  it("does not know its size before the end", async () => {
    const source = createIterableSource(piecesOf(300 * KIB, 2));
    expect((await source.read(0, KIB, { signal })).bytes).to.have.length(KIB);
    expect(source.sizeBytes).to.equal(undefined);
    expect((await source.read(300 * KIB, 1000 * KIB, { signal })).bytes).to.have.length(300 * KIB);
    expect((await source.read(600 * KIB, 1, { signal })).bytes).to.have.length(0);
    expect(source.sizeBytes).to.equal(600 * KIB);
  });

  it("gives what it keeps again, and no byte that it let go of", async () => {
    const source = createIterableSource(piecesOf(256 * KIB, 4));
    await source.read(256 * KIB, 1, { signal });
    expect((await source.read(0, 1, { signal })).bytes[0]).to.equal(1);
    source.discardBefore(256 * KIB);
    expect((await source.read(256 * KIB, 1, { signal })).bytes[0]).to.equal(2);
    const error = await source.read(5, 1, { signal }).catch((thrown: Error) => thrown);
    expect(error).to.include({ reason: "SOURCE_NOT_REWINDABLE" });
  });

  it("is full at its window, or at what is needed for a part to become durable", async () => {
    const source = createIterableSource(piecesOf(256 * KIB, 4), 256 * KIB);
    await source.read(0, 1, { signal });
    expect(source.isFull(1)).to.equal(false);
    expect(source.isFull(256 * KIB)).to.equal(true);
    source.keepAtLeast(512 * KIB);
    expect(source.isFull(256 * KIB)).to.equal(false);
    await source.read(256 * KIB, 1, { signal });
    expect(source.isFull(512 * KIB)).to.equal(true);
    source.discardBefore(100 * KIB);
    expect(source.isFull(512 * KIB)).to.equal(false);
    expect((await source.read(100 * KIB, 1, { signal })).bytes[0]).to.equal(1);
  });

  it("loses nothing when a read is aborted", async () => {
    const waiting = Promise.withResolvers<void>();
    async function* slow() {
      yield Buffer.from("first ");
      await waiting.promise;
      yield Buffer.from("second");
    }
    const source = createIterableSource(slow());
    const controller = new AbortController();
    const reading = source.read(0, 100, { signal: controller.signal }).catch((error: Error) => error.message);
    controller.abort(new Error("cut"));
    expect(await reading).to.equal("cut");
    waiting.resolve();
    const { bytes } = await source.read(0, 100, { signal });
    expect(Buffer.from(bytes).toString()).to.equal("first second");
    await source.close();
  });

  it("passes on the error of its iterable", async () => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to give
    async function* broken(): AsyncGenerator<Uint8Array> {
      throw new Error("the disk is gone");
    }
    const error = await createIterableSource(broken())
      .read(0, 1, { signal })
      .catch((thrown: Error) => thrown.message);
    expect(error).to.equal("the disk is gone");
  });
});
