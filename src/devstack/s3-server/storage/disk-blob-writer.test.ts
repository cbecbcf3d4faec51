import { expect } from "chai";
import { type AppendableFile, DiskBlobWriter } from "./disk-blob-writer.ts";

/** A file that takes at most `shortBytes` in one call, and fails when told to. */
class FakeFile {
  written = "";
  calls = 0;
  closed = 0;
  failure: Error | undefined;
  shortBytes = Number.POSITIVE_INFINITY;

  async writev(buffers: readonly Buffer[]) {
    this.calls += 1;
    if (this.failure !== undefined) throw this.failure;
    const bytes = Buffer.concat(buffers).subarray(0, this.shortBytes);
    this.written += bytes.toString("latin1");
    return { bytesWritten: bytes.length, buffers };
  }

  async close() {
    this.closed += 1;
    if (this.closed > 1) throw new Error("closed twice");
  }
}

describe("DiskBlobWriter", () => {
  let file: FakeFile;
  let forgotten: number;
  const create = () => new DiskBlobWriter("id", file as unknown as AppendableFile, () => forgotten++);
  beforeEach(() => {
    file = new FakeFile();
    forgotten = 0;
  });

  it("gathers small slices into one write", async () => {
    const writer = create();
    for (const text of ["a", "b", "c"]) expect(writer.write(Buffer.from(text))).to.equal(true);
    expect(await writer.finish()).to.deep.equal({ blobId: "id", offsetBytes: 0, sizeBytes: 3 });
    expect([file.written, file.calls, file.closed]).to.deep.equal(["abc", 1, 1]);
  });

  it("writes on where a short write stopped, in order", async () => {
    file.shortBytes = 4;
    const writer = create();
    for (const text of ["abc", "def", "ghi", "j"]) writer.write(Buffer.from(text));
    await writer.finish();
    expect(file.written).to.equal("abcdefghij");
  });

  it("asks its sender to wait at 4 MiB, and calls it back", async () => {
    const writer = create();
    const resumed = new Promise<void>((resolve, reject) => writer.attach(resolve, reject));
    const mebibyte = () => Buffer.alloc(1024 * 1024);
    const goesOn: boolean[] = [];
    for (let index = 0; index < 6 && goesOn.at(-1) !== false; index++) goesOn.push(writer.write(mebibyte()));
    expect(goesOn).to.deep.equal([true, true, true, true, false]);
    await resumed;
    expect((await writer.finish()).sizeBytes).to.equal(5 * 1024 * 1024);
    expect(file.written).to.have.length(5 * 1024 * 1024);
  });

  it("tells the sender of a failed write, fails to finish, and forgets the blob when discarded", async () => {
    file.failure = new Error("no space left");
    const writer = create();
    const failed = new Promise<Error>((resolve) => writer.attach(() => undefined, resolve));
    writer.write(Buffer.alloc(1024 * 1024));
    expect(await failed).to.equal(file.failure);
    const error = await writer.finish().catch((caught) => caught);
    expect(error).to.equal(file.failure);
    await writer.discard();
    expect(forgotten).to.equal(1);
  });

  it("can be discarded after it was finished", async () => {
    const writer = create();
    await writer.finish();
    await writer.discard();
    expect([forgotten, file.closed]).to.deep.equal([1, 2]);
  });
});
