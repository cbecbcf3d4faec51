import { expect } from "chai";
import { beforeFirst } from "../testing/fakes/before-calls.ts";
import { expectRefusal, nextUuid } from "../testing/rigs/database/repository-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { createBench } from "../testing/rigs/uploads/writer-bench.ts";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { UploadSessions } from "./upload-sessions.ts";
import { OwnSlots } from "./upload-slots.ts";
import { beginWriteUpload } from "./write-upload.ts";

describe("WriteSession", () => {
  const description = { contentType: "", dataSubject: "", metadata: {}, labels: {} };
  /** A session of an empty file, whose commit waits for `mayCommit`. */
  const begin = async () => {
    const bench = createBench();
    const sessions = new UploadSessions(new OwnSlots(1), { silenceMaxMs: 5000 });
    const { promise, resolve: mayCommit } = Promise.withResolvers<void>();
    const state = { now: 0, isCommitting: false, failures: [] as string[] };
    const uploads = beforeFirst(bench.access.uploads, "commit", async () => {
      state.isCommitting = true;
      await promise;
    });
    const session = await beginWriteUpload(
      { ...bench.access, uploads, sessions, now: () => state.now },
      { create: { ...description, requestId: nextUuid(), namespace: "default", path: "a/b", computeSha256: false } },
      {
        caller: SAMPLE_CALLER,
        events: {
          onReady: () => {},
          onFailed: (error) => void state.failures.push(error.message),
          onProgress: () => {},
        },
      },
    );
    return { session, sessions, state, mayCommit };
  };

  it("commits, though the process drains meanwhile, and is not silent by then", async () => {
    const { session, sessions, state, mayCommit } = await begin();
    const outcome = session.finish({ commit: true });
    await until("it commits", () => state.isCommitting);
    state.now = 60_000;
    expect(session.silentMs).to.equal(0);
    sessions.drain();
    expect(state.failures).to.deep.equal([]);
    mayCommit();
    expect((await outcome).kind).to.equal("committed");
    await session.close();
    expect(sessions.size).to.equal(0);
  });

  it("ends when the process drains after its finish was refused, since nothing commits then", async () => {
    const { session, sessions, state } = await begin();
    await expectRefusal(session.finish({ commit: true, sizeBytes: 9 }), "SIZE_MISMATCH");
    state.now = 700;
    expect(session.silentMs).to.equal(700);
    sessions.drain();
    expect(state.failures).to.have.length(1);
    await session.close();
    expect(sessions.size).to.equal(0);
  });
});
