import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../../domain/errors.ts";
import { noteWhole } from "../../../domain/memory/buffer-accounts.ts";
import type { OneShotBodyInFlight, PartTarget } from "../../../domain/object-store.ts";
import {
  beginUpload,
  type ObjectStoreSubject,
  readObject,
  sampleBytes,
} from "../../rigs/storage/object-store-subject.ts";
import { until } from "../../rigs/until.ts";

/** Part of `objectStoreContract`: parts that are sent once and not kept. */
export function oneShotPartsContract(given: () => ObjectStoreSubject): void {
  const begin = async (lengthBytes: number) => {
    const target: PartTarget = { ...(await beginUpload(given())), partNumber: 1 };
    const heard = { leftBytes: 0 };
    const body: OneShotBodyInFlight = given().store.beginOneShotPart(target, lengthBytes, (leftBytes) => {
      expect(leftBytes).to.be.at.least(heard.leftBytes);
      heard.leftBytes = leftBytes;
    });
    return { target, body, heard };
  };

  it("stores the bytes, and says of all that they have left", async () => {
    const { store } = given();
    const bytes = sampleBytes(500_000);
    const { target, body, heard } = await begin(bytes.length);
    const written: ArrayBuffer[] = [];
    for (let at = 0; at < bytes.length; at += 12_345) {
      const piece = Uint8Array.from(bytes.subarray(at, at + 12_345));
      noteWhole(piece);
      written.push(piece.buffer);
      body.write(piece);
      body.flush();
      await until("they have left", () => heard.leftBytes === Math.min(bytes.length, at + 12_345));
    }
    body.end(crc32(bytes));
    expect(body.kept.lengthBytes, "nothing is to be given back before S3 has it").to.equal(0);
    const { etag } = await body.done;
    expect(heard.leftBytes).to.equal(bytes.length);
    body.kept.giveBack();
    expect(written.filter(({ detached }) => !detached)).to.deep.equal([]);
    const part = { partNumber: 1, lengthBytes: bytes.length, crc32: crc32(bytes), etag };
    await store.completeMultipart(target, { parts: [part], crc32: part.crc32, sizeBytes: bytes.length });
    expect((await readObject(given(), target.key)).equals(bytes)).to.equal(true);
  });

  it("stores nothing whose checksum is wrong, and leaves it to the caller to send it again", async () => {
    const { target, body } = await begin(5);
    body.write(Buffer.from("hello"));
    body.end(crc32("jello"));
    const error = await body.done.catch((caught) => caught);
    expect(error).to.be.instanceOf(DomainError).and.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
    expect(error.retryAfterMs).to.be.greaterThan(0);
    expect(await given().store.listParts(target)).to.deep.equal([]);
    await given().store.abortMultipart(target);
  });

  it("rejects with the reason of an abort, and takes what still comes for nothing", async () => {
    const { target, body } = await begin(200_000);
    body.write(sampleBytes(100_000));
    const reason = new Error("the caller hung up");
    body.abort(reason);
    expect(await body.done.catch((error) => error)).to.equal(reason);
    body.write(sampleBytes(100_000));
    body.flush();
    expect(await given().store.listParts(target)).to.deep.equal([]);
    await given().store.abortMultipart(target);
  });

  it("takes other lengths than the announced one for the bugs they are", async () => {
    const { target, body } = await begin(5);
    expect(() => body.write(Buffer.from("hello!"))).to.throw("past the announced 5");
    body.write(Buffer.from("hell"));
    expect(() => body.end(0)).to.throw("ends after 4 of the announced 5 bytes");
    body.abort(new Error("enough"));
    await body.done.catch(() => {});
    await given().store.abortMultipart(target);
  });
}
