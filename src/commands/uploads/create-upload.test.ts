import { expect } from "chai";
import { expectRefusal, nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { type CreateUploadRequest, createUpload } from "./create-upload.ts";
import { UnfinishedUploads } from "./unfinished-uploads.ts";

describe("createUpload", () => {
  const create = (request: Partial<CreateUploadRequest> = {}, bench = createBench()) => {
    const all = {
      requestId: nextUuid(),
      namespace: "default",
      path: "a/b",
      contentType: "",
      metadata: {},
      labels: {},
      dataSubject: "",
      computeSha256: false,
      ...request,
    };
    return createUpload(bench.access, all, { caller: SAMPLE_CALLER });
  };

  it("gives the upload a key under the namespace's prefix, a part size and a media type", async () => {
    const { upload, created } = await create({ path: "e\u0301", sizeBytes: 7, sha256: new Uint8Array(32) });
    expect(created).to.equal(true);
    expect(upload).to.deep.include({ path: "\u00e9", sizeBytes: 7, contentType: "application/octet-stream" });
    expect(upload.computeSha256, "what is declared must be computed").to.equal(true);
    expect(upload.s3Key).to.match(new RegExp(`^default/[0-9a-f]{2}/${upload.uploadId}$`));
  });

  it("returns the same upload for the same request id, and refuses it with any other content", async () => {
    const bench = createBench();
    const requestId = nextUuid();
    const first = await create({ requestId, metadata: { a: "1", b: "2" } }, bench);
    const again = await create({ requestId: requestId.toUpperCase(), metadata: { b: "2", a: "1" } }, bench);
    expect(again).to.deep.include({ created: false, upload: first.upload });
    const others: Partial<CreateUploadRequest>[] = [
      ...[
        { path: "c" },
        { sizeBytes: 1 },
        { sizeHintBytes: 1 },
        { contentType: "text/plain" },
        { metadata: { a: "1" } },
      ],
      ...[{ crc32: 1 }, { sha256: new Uint8Array(32) }, { computeSha256: true }, { ifGenerationMatch: 0 }],
    ];
    for (const other of others) {
      const request = { requestId, metadata: { a: "1", b: "2" }, ...other };
      await expectRefusal(create(request, bench), "REQUEST_ID_REUSED");
    }
  });

  it("creates none while too many are unfinished, and finds what was created before", async () => {
    const bench = createBench();
    const requestId = nextUuid();
    const first = await create({ requestId }, bench);
    bench.access.unfinished = new UnfinishedUploads(async () => ({ all: 8, own: 7 }), { uploadsMax: 8 });
    const refusal = await expectRefusal(create({}, bench), "OVERLOADED");
    expect(refusal.details).to.deep.equal({ unfinished_uploads_max: 8, unfinished_uploads_of_caller_max: 7 });
    expect(await create({ requestId }, bench)).to.deep.equal({ created: false, upload: first.upload });
  });

  const refused: [string, Partial<CreateUploadRequest>, RegExp][] = [
    ["a media type of more than 255 bytes", { contentType: "x".repeat(256) }, /longer than 255 bytes/],
    ["a media type that no header carries", { contentType: "text/pläin" }, /printable ASCII/],
    [
      "65 entries of metadata",
      { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, ""])) },
      /65 entries/,
    ],
    ["more than 8 KiB of metadata", { metadata: { a: "ü".repeat(4096) } }, /8193 bytes; the limit is 8192/],
    ["metadata without a name", { metadata: { "": "x" } }, /empty name/],
    ["NUL in metadata", { metadata: { a: "\0" } }, /NUL/],
    ["a lone surrogate in metadata", { metadata: { a: "\ud800" } }, /lone surrogate/],
    ["a lone surrogate in a name of metadata", { metadata: { "\udc00": "a" } }, /lone surrogate/],
    ["a SHA-256 of 31 bytes", { sha256: new Uint8Array(31) }, /31 bytes/],
    ["a negative generation", { ifGenerationMatch: -1 }, /negative/],
  ];
  for (const [what, request, says] of refused) {
    it(`refuses ${what}`, async () => {
      const error = await expectRefusal(create(request), "ARGUMENT_INVALID");
      expect(error.message).to.match(says);
    });
  }
  it("refuses sizes that cannot be, of hints too", async () => {
    const negative = await expectRefusal(create({ sizeHintBytes: -1 }), "SIZE_INVALID");
    expect(negative).to.deep.include({ field: "size_hint_bytes", details: { size_bytes: -1, size_bytes_min: 0 } });
    await expectRefusal(create({ sizeHintBytes: 6 * 2 ** 30 }), "SIZE_LIMIT");
    await expectRefusal(create({ sizeBytes: 5 * 2 ** 30 }), "SIZE_LIMIT");
  });
});
