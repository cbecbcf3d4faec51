import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import type { Fault } from "../devstack/s3-server/faults.ts";
import type { Operation } from "../devstack/s3-server/protocol/operation.ts";
import type { ObjectStore } from "../domain/object-store.ts";
import { expectRefusal, toManifest } from "../testing/contracts/objects/object-store-contract.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { beginUpload, readObject, sampleBytes, sendPart } from "../testing/rigs/storage/object-store-subject.ts";
import { createTestAccess } from "../testing/rigs/storage/s3-subject.ts";
import { createObjectStore } from "./object-store.ts";

const bucket = "bucket";
const BYTES = sampleBytes(1000);
/** Silence that ends a request. A fault is far slower, and a healthy answer is quicker. */
const SOCKET_TIMEOUT_MS = 400;
/** Tries of TEST_BODY_POLICY. */
const TRIES_MAX = 4;

describe("S3 requests without a body in flight", () => {
  let s3: DevS3;
  let store: ObjectStore;
  let close: () => void;
  before(async () => {
    s3 = await startDevS3();
    const opened = createTestAccess(s3.endpoint, { limits: { socketTimeoutMs: SOCKET_TIMEOUT_MS } });
    store = createObjectStore(() => opened.access);
    close = opened.close;
  });
  after(async () => {
    close();
    await s3.stop();
  });
  afterEach(() => s3.server.faults.clear());

  const begin = async () => {
    const target = await beginUpload({ store, bucket });
    const part = await sendPart(store, { ...target, partNumber: 1 }, BYTES);
    return { target, part };
  };
  const assemble = async () => {
    const { target, part } = await begin();
    await store.completeMultipart(target, toManifest([part]));
    return target;
  };

  /** How the store uses each operation, and what must be true afterwards. `prepare` meets no fault. */
  const requests: Partial<
    Record<Operation, () => Promise<{ run: () => Promise<unknown>; check: () => Promise<void> }>>
  > = {
    CreateMultipartUpload: async () => {
      let multipartId = "";
      return {
        run: async () => {
          multipartId = await store.createMultipart(bucket, "control/create", { contentType: "text/plain" });
        },
        check: async () => {
          const found = await store.listParts({ bucket, key: "control/create", multipartId });
          expect(found).to.deep.equal([]);
        },
      };
    },
    CompleteMultipartUpload: async () => {
      const { target, part } = await begin();
      return {
        run: () => store.completeMultipart(target, toManifest([part])),
        check: async () => expect(await readObject({ store, bucket }, target.key)).to.deep.equal(BYTES) as never,
      };
    },
    AbortMultipartUpload: async () => {
      const { target } = await begin();
      return {
        run: () => store.abortMultipart(target),
        check: async () => expect(await store.listParts(target)).to.equal(undefined) as never,
      };
    },
    HeadObject: async () => {
      const { key } = await assemble();
      let sizeBytes: number | undefined;
      return {
        run: async () => {
          sizeBytes = (await store.head(bucket, key))?.sizeBytes;
        },
        check: async () => expect(sizeBytes).to.equal(BYTES.length) as never,
      };
    },
    ListParts: async () => {
      const { target } = await begin();
      let count: number | undefined;
      return {
        run: async () => {
          count = (await store.listParts(target))?.length;
        },
        check: async () => expect(count).to.equal(1) as never,
      };
    },
    DeleteObject: async () => {
      const { key } = await assemble();
      return {
        run: () => store.delete(bucket, key),
        check: async () => expect(await store.head(bucket, key)).to.equal(undefined) as never,
      };
    },
  };
  const faults: [string, Fault][] = [
    ["hangs", { kind: "hang" }],
    ["is slower than the longest silence", { kind: "latency", ms: 5 * SOCKET_TIMEOUT_MS }],
    ["is cut in the middle of its answer", { kind: "cut-response" }],
    ["is cut before its answer", { kind: "lost-response" }],
  ];

  for (const [operation, make] of Object.entries(requests) as [
    Operation,
    NonNullable<(typeof requests)[Operation]>,
  ][]) {
    for (const [what, fault] of faults) {
      it(`${operation} is sent again when it ${what}`, async () => {
        const { run, check } = await make();
        s3.server.faults.add({ operation, times: 2, fault });
        await run();
        expect(s3.server.faults.pending, "faults that did not strike").to.equal(0);
        await check();
      });
    }

    it(`${operation} ends when every try of it hangs`, async () => {
      const { run, check } = await make();
      s3.server.faults.add({ operation, times: TRIES_MAX, fault: { kind: "hang" } });
      await expectRefusal(run() as Promise<never>, ["unavailable", "STORAGE_UNAVAILABLE"]);
      expect(s3.server.faults.pending).to.equal(0);
      await run();
      await check();
    });
  }
});

describe("an answer of S3 that stops in its middle", () => {
  let server: Server;
  let requests: number;
  const sockets = new Set<Socket>();
  /** Every request is answered with the head and a few bytes, and then with silence. */
  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", () => {
        requests++;
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 5000\r\n\r\n<?xml");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });

  it("ends by the same silence, and is asked for again", async () => {
    const { port } = server.address() as AddressInfo;
    const endpoint = {
      url: `http://127.0.0.1:${port}`,
      accessKeyId: "a",
      secretAccessKey: "s",
      region: "eu-central-1",
    };
    const { access, close } = createTestAccess(endpoint, { limits: { socketTimeoutMs: SOCKET_TIMEOUT_MS } });
    const store = createObjectStore(() => access);
    const target = { bucket, key: "k", multipartId: "m" };
    const calls = [
      () => store.createMultipart(bucket, "k", { contentType: "text/plain" }),
      () => store.listParts(target),
      () => store.completeMultipart(target, { parts: [], crc32: 0, sizeBytes: 0 }),
    ];
    for (const call of calls) {
      requests = 0;
      await expectRefusal(call() as Promise<never>, ["unavailable", "STORAGE_UNAVAILABLE"]);
      expect(requests).to.equal(TRIES_MAX);
    }
    close();
  });
});
