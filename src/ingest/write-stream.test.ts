import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import {
  type WriteUploadRequest,
  WriteUploadRequestSchema,
  type WriteUploadResponse,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import type { CommitPosition } from "../domain/commit-position.ts";
import type { DomainError } from "../domain/errors.ts";
import { beforeFirst } from "../testing/fakes/before-calls.ts";
import { settle } from "../testing/fakes/settle.ts";
import { nextUuid } from "../testing/rigs/database/repository-subject.ts";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { until } from "../testing/rigs/until.ts";
import { BENCH_PART_BYTES, type Bench, createBench } from "../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { UploadSessions } from "../transfer/upload-sessions.ts";
import { OwnSlots } from "../transfer/upload-slots.ts";
import { beginWriteUpload } from "../transfer/write-upload.ts";
import { WriteStream, type WriteStreamOptions } from "./write-stream.ts";

describe("WriteStream", () => {
  const metrics = useCollectedMetrics();
  const open = (
    bench: Bench,
    options: {
      uploads?: Bench["access"]["uploads"];
      markCommit?: WriteStreamOptions["markCommit"];
      now?: () => number;
    } = {},
  ) => {
    const sessions = new UploadSessions(new OwnSlots(1), { silenceMaxMs: 5000 });
    const sent: WriteUploadResponse[] = [];
    const behind: { position?: CommitPosition | undefined } = {};
    const ended = Promise.withResolvers<DomainError | undefined>();
    const { uploads = bench.access.uploads, now = () => 0 } = options;
    const access = { ...bench.access, uploads, sessions, now };
    const stream = new WriteStream(
      {
        authenticate: async () => SAMPLE_CALLER,
        beginWrite: (request, begin) => beginWriteUpload(access, request, begin),
        markCommit: options.markCommit ?? (async () => undefined),
        limits: access.limits,
      },
      {
        onReady: () => {},
        send: (message) => sent.push(message),
        end: (error, position) => {
          behind.position = position;
          ended.resolve(error as DomainError | undefined);
        },
      },
    );
    return { stream, sessions, sent, behind, ended: ended.promise };
  };
  const start = (path = "a/b"): WriteUploadRequest =>
    create(WriteUploadRequestSchema, {
      message: {
        case: "start",
        value: { target: { case: "create", value: { requestId: nextUuid(), namespace: "default", path } } },
      },
    });
  const finish = create(WriteUploadRequestSchema, { message: { case: "finish", value: {} } });

  it("gives the slot back of a caller that went away while its upload was being created", async () => {
    const bench = createBench();
    const { promise: created, resolve } = Promise.withResolvers<void>();
    const { stream, sessions, sent, ended } = open(bench, {
      uploads: beforeFirst(bench.access.uploads, "create", () => created),
    });
    expect(stream.onMessage(start())).to.equal(false);
    expect(stream.isWaiting).to.equal(true);
    await until("it has its slot", () => sessions.size === 1);
    stream.disconnect();
    expect((await ended)?.reason).to.equal("CALLER_GONE");
    resolve();
    await until("the slot is free", () => sessions.size === 0);
    expect(sent).to.deep.equal([]);
  });

  it("takes no bytes of a call that has ended, and ends once", async () => {
    const { stream, ended, sessions } = open(createBench());
    stream.onMessage(start());
    await until("it writes", () => !stream.isWaiting);
    const chunk = stream.onChunk({ offset: 0, lengthBytes: 50, crc32: undefined });
    expect(chunk.write(new Uint8Array(0))).to.equal(0);
    stream.halfClose({ isMidMessage: true });
    stream.halfClose({ isMidMessage: false });
    stream.disconnect();
    expect(chunk.write(new Uint8Array(50))).to.equal(0);
    chunk.endChunk();
    const error = await ended;
    expect(error?.reason).to.equal("SEQUENCE_INVALID");
    expect(error?.details).to.include({ durable_offset: 0 });
    expect(sessions.size).to.equal(0);
  });

  it("waits for a caller who is slow or only keeps the stream alive, and ends it when nothing comes for the stall limit", async () => {
    const stallTimeoutMs = 4;
    let now = 0;
    let read = 0;
    const clock = () => {
      read += 1;
      return now;
    };
    const { stream, sent, ended, sessions } = open(createBench({ limits: { stallTimeoutMs } }), { now: clock });
    stream.onMessage(start());
    await until("it writes", () => !stream.isWaiting);
    let isOver = false;
    void ended.finally(() => {
      isOver = true;
    });
    let offset = 0;
    for (const lengthBytes of [0, 1, 0, 1, 0, 0, 1, 1]) {
      const chunk = stream.onChunk({ offset, lengthBytes, crc32: undefined });
      chunk.write(new Uint8Array(lengthBytes));
      chunk.endChunk();
      offset += lengthBytes;
      now += stallTimeoutMs - 1;
      const seen = read;
      await until("the stream has been looked at again", () => read > seen);
    }
    expect(isOver).to.equal(false);
    now += stallTimeoutMs;
    const error = await ended;
    expect(error?.reason).to.equal("STALLED");
    expect(error?.details).to.include({ stall_timeout_ms: stallTimeoutMs, durable_offset: 0 });
    await until("its slot is free", () => sessions.size === 0);
    expect(sent.map(({ message }) => message.case)).to.include("started");
  });

  it("says where to go on after a defect too, and nothing of the defect", async () => {
    const bench = createBench();
    const defect = new TypeError("x is not a function");
    const { stream, ended } = open(bench, {
      uploads: beforeFirst(bench.access.uploads, "commit", () => Promise.reject(defect)),
    });
    stream.onMessage(start());
    await until("it writes", () => !stream.isWaiting);
    stream.onMessage(finish);
    stream.disconnect();
    const error = await ended;
    expect(error).to.deep.include({ code: "internal", reason: "INTERNAL", message: "internal error", cause: defect });
    expect(error?.details).to.have.property("upload_id");
  });

  it("says that a file is committed once nothing hides it, and ends with a position behind it", async () => {
    const caughtUp = Promise.withResolvers<CommitPosition>();
    let asked = 0;
    const { stream, sent, ended, behind } = open(createBench(), {
      markCommit: () => {
        asked++;
        return caughtUp.promise;
      },
    });
    stream.onMessage(start());
    await until("it writes", () => !stream.isWaiting);
    stream.onMessage(finish);
    await until("the commit is made", () => asked === 1);
    // Whoever leaves now has its file all the same.
    stream.disconnect();
    const isToldCommitted = ({ message }: WriteUploadResponse) =>
      message.case === "committed" || (message.case === "progress" && message.value.committed);
    expect(sent.some(isToldCommitted)).to.equal(false);
    caughtUp.resolve(7n);
    expect(await ended).to.equal(undefined);
    expect(sent.at(-1)?.message.case).to.equal("committed");
    expect(behind.position).to.equal(7n);
  });

  it("ends a call for a committed file too when what hides it cannot be brought up to date", async () => {
    const bench = createBench();
    const first = open(bench);
    first.stream.onMessage(start("a/c"));
    await until("it writes", () => !first.stream.isWaiting);
    first.stream.onMessage(finish);
    expect(await first.ended).to.equal(undefined);
    const defect = new Error("the feed is away");
    const { sent, stream, ended, sessions } = open(bench, {
      markCommit: () => Promise.reject(defect),
    });
    const [started] = first.sent;
    const uploadId = started?.message.case === "started" ? started.message.value.uploadId : "";
    const value = { target: { case: "upload" as const, value: { namespace: "default", uploadId } } };
    stream.onMessage(create(WriteUploadRequestSchema, { message: { case: "start", value } }));
    expect(await ended).to.deep.include({ reason: "INTERNAL", cause: defect });
    expect(sent.map(({ message }) => message.case)).to.deep.equal(["started"]);
    expect(sessions.size).to.equal(0);
  });

  it("keeps what it reads back on the budget until that is on its way no more", async () => {
    let now = 0;
    const policy = { stepBytes: 10, slowAfterMs: 1000, slowFactor: 4, now: () => now };
    const bench = createBench({ budgetParts: 2, policy });
    const { budget, objects } = bench;
    const { stream, sessions, ended } = open(bench);
    stream.onMessage(start("a/d"));
    await until("it writes", () => !stream.isWaiting);
    const send = async (offset: number, lengthBytes: number) => {
      const chunk = stream.onChunk({ offset, lengthBytes, crc32: undefined });
      for (let taken = 0; taken < lengthBytes; ) {
        const some = chunk.write(new Uint8Array(lengthBytes - taken));
        expect(some > 0 || stream.isWaiting, "it takes bytes, or waits").to.equal(true);
        taken += some;
        await until("it takes bytes", () => !stream.isWaiting);
      }
      chunk.endChunk();
    };
    await send(0, 30);
    now = 5000;
    budget.rebalance();
    const other = budget.open();
    const turn = { namespace: "default", uploadId: "another" };
    const granted = budget.grow(other, 2 * BENCH_PART_BYTES - 10, { turn, signal: new AbortController().signal });
    budget.rebalance();
    await granted;
    expect(sessions.load).to.deep.equal({ parts: 1, spilledBytes: 30 });
    budget.release(other);
    const reading = objects.faults.add("read", { kind: "hang" });
    await send(30, BENCH_PART_BYTES - 30);
    await send(BENCH_PART_BYTES, 1);
    await until("what was spilled is read back", () => objects.faults.pending === 0);
    const heldBytes = budget.usedBytes;
    expect(heldBytes).to.be.at.least(BENCH_PART_BYTES);
    stream.disconnect();
    await settle();
    expect(budget.usedBytes, "while it is read").to.be.at.least(BENCH_PART_BYTES);
    reading.release();
    expect((await ended)?.reason).to.equal("CALLER_GONE");
    expect([budget.usedBytes, objects.bodiesInFlight]).to.deep.equal([0, 0]);
    expect(sessions.load).to.deep.equal({ parts: 0, spilledBytes: 0 });
  });

  it("counts bytes as received and as durable while it writes, each once", async () => {
    const bench = createBench();
    const { stream, ended } = open(bench);
    stream.onMessage(start("a/e"));
    await until("it writes", () => !stream.isWaiting);
    const sizeBytes = BENCH_PART_BYTES + 10;
    const chunk = stream.onChunk({ offset: 0, lengthBytes: sizeBytes, crc32: undefined });
    for (let taken = 0; taken < sizeBytes; ) {
      taken += chunk.write(new Uint8Array(sizeBytes - taken));
      await until("it takes bytes", () => !stream.isWaiting);
    }
    chunk.endChunk();
    const counted = async (name: "received" | "durable") => (await metrics.read(`sluice.upload.${name}`))[0]?.[0];
    await until("all are counted as received", async () => (await counted("received")) === sizeBytes);
    await until("the whole part is counted as durable", async () => (await counted("durable")) === BENCH_PART_BYTES);
    stream.disconnect();
    await ended;
    expect(await metrics.read("sluice.upload.received")).to.deep.equal([
      [sizeBytes, { "sluice.namespace": "default" }],
    ]);
  });

  it("passes on a refusal of who calls", async () => {
    const bench = createBench();
    const refusal = new Error("no");
    const ended = Promise.withResolvers<unknown>();
    const transport = { onReady: () => {}, send: () => {}, end: ended.resolve };
    const beginWrite = () => Promise.reject(new Error("it began though nobody knows who calls"));
    const authenticate = () => Promise.reject(refusal);
    const options = { authenticate, beginWrite, markCommit: async () => undefined, limits: bench.access.limits };
    const stream = new WriteStream(options, transport);
    stream.onMessage(start());
    expect(await ended.promise).to.equal(refusal);
  });
});
