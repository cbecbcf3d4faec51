import { expect } from "chai";
import { expectRefused, seededBytes, UploadRig } from "./upload-rig.ts";

/** Declares the test of a file that has as many parts as an upload may have. */
export function fileOfAllParts(partsMax: number): void {
  describe(`A file of ${partsMax} parts`, () => {
    const smallestPart = 1024;
    let rig: UploadRig;
    before(async () => {
      const budget = String(2 ** 20);
      rig = await UploadRig.start({
        settings: { SLUICE_PART_SIZE_BYTES: String(smallestPart), SLUICE_MEMORY_BUDGET_BYTES: budget },
        uploads: { partsMax },
      });
    });
    after(() => rig.stop());

    it("is stored and read back; the part after the last is refused and costs nothing durable", async () => {
      const bytes = seededBytes(partsMax * smallestPart * 2);
      const call = rig.create();
      const { uploadId } = await call.started();
      call
        .sendBytes(bytes, { chunkBytes: 65_536 })
        .send({ chunk: { offset: BigInt(bytes.length), data: Uint8Array.of(1) } });
      const max = String(bytes.length);
      const metadata = { end_offset: String(bytes.length + 1), size_bytes_max: max };
      const says = `this upload takes at most ${max} bytes`;
      const { metadata: details } = await expectRefused(call, { code: 3, reason: "SIZE_LIMIT", says, metadata });
      expect(Number(details.durable_offset)).to.equal(bytes.length);
      await rig.complete(uploadId, bytes);
      await rig.expectNothingLeft();
      const [row] = await rig.query("SELECT count(*)::int AS parts FROM part WHERE upload_id = $1", [uploadId]);
      expect(row).to.deep.equal({ parts: partsMax });
    });
  });
}
