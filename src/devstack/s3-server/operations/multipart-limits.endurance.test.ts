import { crc32 } from "node:zlib";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import { encodeCrc32 } from "../protocol/crc32.ts";
import { TestRig } from "../test-rig.ts";

const Bucket = TestRig.bucket;

describe("the largest multipart upload on the development S3 server", () => {
  let rig: TestRig;
  before(async () => {
    rig = await TestRig.start({ multipartMinPartBytes: 1 });
  });
  after(() => rig.dispose());

  it("assembles 10,000 parts, in pages of 1,000", async () => {
    const created = await rig.client.send(
      new CreateMultipartUploadCommand({
        Bucket,
        Key: "many",
        ChecksumAlgorithm: "CRC32",
        ChecksumType: "FULL_OBJECT",
      }),
    );
    const UploadId = created.UploadId ?? "";
    const target = { Bucket, Key: "many", UploadId };
    await rig.client.send(new PutObjectCommand({ Bucket, Key: "byte", Body: "x" }));
    // Copied parts keep the test on the rules for many parts instead of ten thousand bodies.
    for (let number = 1; number <= 10_000; number += 50) {
      const batch = Array.from({ length: 50 }, (_unused, index) => number + index);
      await Promise.all(
        batch.map((PartNumber) =>
          rig.client.send(new UploadPartCopyCommand({ ...target, PartNumber, CopySource: `${Bucket}/byte` })),
        ),
      );
    }
    const Parts: { PartNumber: number | undefined; ETag: string | undefined }[] = [];
    for (let marker: string | undefined; ; ) {
      const page = await rig.client.send(new ListPartsCommand({ ...target, PartNumberMarker: marker }));
      Parts.push(...(page.Parts ?? []).map(({ PartNumber, ETag }) => ({ PartNumber, ETag })));
      if (!page.IsTruncated) break;
      marker = page.NextPartNumberMarker;
    }
    const ChecksumCRC32 = encodeCrc32(crc32("x".repeat(10_000)));
    const manifest = { MultipartUpload: { Parts }, ChecksumCRC32, ChecksumType: "FULL_OBJECT" as const };
    const done = await rig.client.send(new CompleteMultipartUploadCommand({ ...target, ...manifest }));
    expect(done.ETag).to.match(/-10000"$/);
    const { Body } = await rig.client.send(new GetObjectCommand({ Bucket, Key: "many", Range: "bytes=9990-" }));
    expect(await Body?.transformToString()).to.equal("x".repeat(10));
  });
});
