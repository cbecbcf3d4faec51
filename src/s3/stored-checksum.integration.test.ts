import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { Fault } from "../devstack/s3-server/faults.ts";
import type { Operation } from "../devstack/s3-server/protocol/operation.ts";
import { expectRefusal, toManifest } from "../testing/contracts/objects/object-store-contract.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import {
  beginUpload,
  nextKey,
  readObject,
  sampleBytes,
  send,
  sendPart,
} from "../testing/rigs/storage/object-store-subject.ts";
import { createTestAccess } from "../testing/rigs/storage/s3-subject.ts";
import type { ChecksumProof } from "./access.ts";
import { createObjectStore } from "./object-store.ts";

const BYTES = sampleBytes(100_000);
const bucket = "bucket";

describe("the proof that storage has what was sent", () => {
  let s3: DevS3;
  let closes: (() => void)[];
  before(async () => {
    s3 = await startDevS3();
  });
  after(() => s3.stop());
  beforeEach(() => {
    closes = [];
  });
  afterEach(() => {
    for (const close of closes) close();
    s3.server.faults.clear();
  });

  const open = (checksums: ChecksumProof = "stated") => {
    const { access, close } = createTestAccess(s3.endpoint, { checksums });
    closes.push(close);
    return createObjectStore(() => access);
  };
  const script = (fault: Fault["kind"] & ("no-checksum" | "wrong-checksum"), operations: Operation[], times = 1000) => {
    for (const operation of operations) s3.server.faults.add({ operation, times, fault: { kind: fault } });
  };
  const count = (operation: Operation) => {
    const before = s3.server.requestCount(operation);
    return () => s3.server.requestCount(operation) - before;
  };
  const put = async (store: ReturnType<typeof open>) => {
    const keys: string[] = [];
    const beginAttempt = async () => {
      keys.push(nextKey());
      return keys.at(-1) as string;
    };
    const body = store.beginPut({ bucket, contentType: "text/plain", beginAttempt }, BYTES.length);
    return { ack: await send(body, BYTES), keys };
  };
  const expectUnable = async (work: Promise<unknown>) => {
    const error = await expectRefusal(work, ["unimplemented", "STORAGE_UNABLE"]);
    expect(error.message).to.contain("SLUICE_S3_CHECKSUMS=read-back");
  };

  describe("of a part", () => {
    it("costs no request where the answer states its CRC32", async () => {
      const store = open();
      const target = { ...(await beginUpload({ store, bucket })), partNumber: 1 };
      const lists = count("ListParts");
      await sendPart(store, target, BYTES);
      expect(lists()).to.equal(0);
    });

    it("is that S3 lists its CRC32, where the answer states none", async () => {
      const store = open();
      const upload = await beginUpload({ store, bucket });
      await sendPart(store, { ...upload, partNumber: 2 }, sampleBytes(5));
      script("no-checksum", ["UploadPart"]);
      const lists = count("ListParts");
      await sendPart(store, { ...upload, partNumber: 7 }, BYTES);
      expect(lists()).to.equal(1);
    });

    it("is missing where S3 states it nowhere: it is no acknowledgement", async () => {
      const store = open();
      const target = { ...(await beginUpload({ store, bucket })), partNumber: 1 };
      script("no-checksum", ["UploadPart", "ListParts"]);
      await expectUnable(sendPart(store, target, BYTES));
    });

    it("is wanting while the answer states another CRC32: the part is sent again", async () => {
      const store = open();
      const target = { ...(await beginUpload({ store, bucket })), partNumber: 1 };
      const sent = count("UploadPart");
      script("wrong-checksum", ["UploadPart"], 2);
      await sendPart(store, target, BYTES);
      expect(sent()).to.equal(3);
      script("wrong-checksum", ["UploadPart"]);
      await expectRefusal(sendPart(store, target, BYTES), ["aborted", "CHECKSUM_MISMATCH"]);
    });
  });

  describe("of an object that is put", () => {
    it("costs no request where the answer states its CRC32", async () => {
      const heads = count("HeadObject");
      await put(open());
      expect(heads()).to.equal(0);
    });

    it("is that HEAD states its CRC32, where the answer states none", async () => {
      script("no-checksum", ["PutObject"]);
      const heads = count("HeadObject");
      const { ack, keys } = await put(open());
      expect(heads()).to.equal(1);
      expect([ack.key]).to.deep.equal(keys);
    });

    it("is missing where S3 states it nowhere", async () => {
      script("no-checksum", ["PutObject", "HeadObject"]);
      await expectUnable(put(open()));
    });

    it("is wanting while the answer states another CRC32: it is put again under another key", async () => {
      script("wrong-checksum", ["PutObject"], 1);
      const { ack, keys } = await put(open());
      expect(keys).to.have.lengthOf(2);
      expect(ack.key).to.equal(keys[1]);
    });

    it("is its bytes where these may be read back, however often the reading breaks off", async () => {
      script("no-checksum", ["PutObject", "HeadObject"]);
      s3.server.faults.add({ operation: "GetObject", times: 2, fault: { kind: "cut-response" } });
      const gets = count("GetObject");
      await put(open("read-back"));
      expect(gets()).to.equal(3);
    });
  });

  describe("of an object that is assembled", () => {
    const sendWhole = async (store: ReturnType<typeof open>) => {
      const target = await beginUpload({ store, bucket });
      return { target, manifest: toManifest([await sendPart(store, { ...target, partNumber: 1 }, BYTES)]) };
    };

    it("is missing where neither Complete nor HEAD states its CRC32", async () => {
      const store = open();
      const { target, manifest } = await sendWhole(store);
      script("no-checksum", ["CompleteMultipartUpload", "HeadObject"]);
      await expectUnable(store.completeMultipart(target, manifest));
      // Once the operator allows reading back, the same upload is completed.
      const head = await open("read-back").completeMultipart(target, manifest);
      expect(head).to.include({ sizeBytes: BYTES.length, crc32: crc32(BYTES) });
      expect((await readObject({ store, bucket }, target.key)).equals(BYTES)).to.equal(true);
    });

    it("is no part's, where parts are taken without one because the whole is read back", async () => {
      script("no-checksum", ["UploadPart", "ListParts", "CompleteMultipartUpload", "HeadObject"]);
      const store = open("read-back");
      const { target, manifest } = await sendWhole(store);
      const gets = count("GetObject");
      expect(await store.completeMultipart(target, manifest)).to.include({ crc32: crc32(BYTES) });
      expect(gets()).to.equal(1);
    });

    it("fails where the bytes that are read back are others", async () => {
      const store = open("read-back");
      const { target, manifest } = await sendWhole(store);
      await store.completeMultipart(target, manifest);
      script("no-checksum", ["CompleteMultipartUpload", "HeadObject"]);
      const wrong = { ...manifest, crc32: manifest.crc32 ^ 1 };
      await expectRefusal(store.completeMultipart(target, wrong), ["data_loss", "CHECKSUM_MISMATCH"]);
    });
  });

  it("of a copy is what HEAD states, or its bytes where these may be read back", async () => {
    const { ack } = await put(open());
    script("no-checksum", ["CopyObject"]);
    const copy = (store: ReturnType<typeof open>) =>
      store.copyObject(
        { bucket, key: ack.key, versionId: "" },
        { bucket, contentType: "text/plain", beginAttempt: async () => nextKey() },
        { sizeBytes: BYTES.length, crc32: crc32(BYTES) },
      );
    await copy(open());
    script("no-checksum", ["HeadObject"]);
    await expectUnable(copy(open()));
    await copy(open("read-back"));
  });

  it("is refused by a server that takes the checksum trailer for content, with what to set", async () => {
    const server = createServer((request, response) => {
      let receivedBytes = 0;
      request.on("data", ({ length }: Buffer) => {
        receivedBytes += length;
      });
      request.on("end", () => {
        if (request.method === "PUT") storedBytes = receivedBytes;
        response.writeHead(200, { etag: '"e"', "content-length": request.method === "PUT" ? 0 : storedBytes });
        response.end();
      });
    });
    let storedBytes = 0;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const checksums of ["stated", "read-back"] as const) {
        const { access, close } = createTestAccess({ ...s3.endpoint, url }, { checksums });
        closes.push(close);
        const refused = put(createObjectStore(() => access));
        const error = await expectRefusal(refused, ["unimplemented", "STORAGE_UNABLE"]);
        expect(error.message).to.match(/keeps 1000\d\d bytes of the 100000 .* set SLUICE_S3_TRAILERS=off/);
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
