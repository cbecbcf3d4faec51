import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { WriteUploadStartedSchema } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { RangeSender } from "./range-sender.ts";
import { createIterableSource } from "./upload-source.ts";

const PART_BYTES = 1024;
const started = create(WriteUploadStartedSchema, { partSizeBytes: BigInt(PART_BYTES) });
const { signal: ended } = new AbortController();

async function* once(bytes: Uint8Array) {
  yield bytes;
}

describe("RangeSender", () => {
  it("still sends bytes that became durable ahead of it, as after a cut, to have them compared", async () => {
    const source = createIterableSource(once(Buffer.alloc(4 * PART_BYTES, 7)), PART_BYTES);
    const sender = new RangeSender(source, { start: 0 });
    const offsets: number[] = [];
    const sent = sender.send(started, {
      ended,
      async send({ offset }, lease) {
        offsets.push(offset);
        lease.release();
        sender.takeDurable(4 * PART_BYTES);
      },
    });
    expect(await sent).to.include({ endOffset: 4 * PART_BYTES });
    expect(offsets).to.deep.equal([0, 1, 2, 3].map((part) => part * PART_BYTES));
  });

  it("takes less to be durable when a stream begins anew behind what was said", async () => {
    const source = createIterableSource(once(Buffer.alloc(2 * PART_BYTES, 7)), 3 * PART_BYTES);
    const sender = new RangeSender(source, { start: 0 });
    sender.takeDurable(2 * PART_BYTES);
    const send = async (_chunk: unknown, lease: { release(): void }) => lease.release();
    expect(await sender.send(started, { ended, send })).to.include({ endOffset: 2 * PART_BYTES });
  });
});
