import { expect } from "chai";
import type { Upload, UploadState } from "../../../domain/uploads/upload.ts";
import {
  createWritten,
  EXPIRE_AFTER_MS,
  expectRefusal,
  newUpload,
  nextUuid,
  RETENTION_MS,
  type RepositorySubject,
  sampleObject,
  samplePart,
  TEST_ACTOR,
} from "../../rigs/database/repository-subject.ts";

/** From which states of an upload each step works. */
export function uploadStatesContract(subject: () => RepositorySubject): void {
  const commitNow = async (upload: Upload) => {
    const object = sampleObject(upload);
    await subject().uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
  };
  const reach: Record<UploadState, (upload: Upload) => Promise<unknown>> = {
    open: async () => undefined,
    completing: ({ uploadId }) => subject().uploads.commits.beginCompletion(uploadId, { crc32: 1 }),
    assembled: (upload) => subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload)),
    committed: commitNow,
    aborted: ({ uploadId }) => subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR),
    expired: async () => {
      while ((await subject().uploads.sweep.expireDue("default", 100)).length > 0);
    },
  };
  const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS };
  const beat = { receivedBytes: 1, expireAfterMs: EXPIRE_AFTER_MS };
  type Step = (upload: Upload) => Promise<unknown>;
  const steps: Record<string, { from: UploadState[]; run: Step }> = {
    heartbeat: {
      from: ["open", "completing", "assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.writers.heartbeat(uploadId, 1, beat),
    },
    setMultipartId: { from: ["open"], run: ({ uploadId }) => subject().uploads.writers.setMultipartId(uploadId, "m") },
    beginPutAttempt: { from: ["open"], run: ({ uploadId }) => subject().uploads.writers.beginPutAttempt(uploadId, 1) },
    claimParts: {
      from: ["open"],
      run: ({ uploadId }) => subject().uploads.writers.claimParts(uploadId, 1, { first: 2, count: 1 }),
    },
    recordParts: {
      from: ["open"],
      run: ({ uploadId }) => subject().uploads.writers.recordParts(uploadId, 1, [samplePart(1)]),
    },
    seal: { from: ["open"], run: ({ uploadId }) => subject().uploads.commits.seal(uploadId, 10) },
    beginCompletion: {
      from: ["open", "completing"],
      run: ({ uploadId }) => subject().uploads.commits.beginCompletion(uploadId, { crc32: 1 }),
    },
    reopen: { from: ["open", "completing"], run: ({ uploadId }) => subject().uploads.commits.reopen(uploadId, []) },
    markLost: { from: ["open", "aborted"], run: ({ uploadId }) => subject().uploads.writers.markLost(uploadId, 1) },
    assemble: {
      from: ["open", "completing", "assembled", "committed"],
      run: (upload) => subject().uploads.commits.assemble(upload.uploadId, sampleObject(upload)),
    },
    noteCommit: {
      from: ["completing", "assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.commits.noteCommit(uploadId, { isWanted: false }),
    },
    setSha256: {
      from: ["assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.commits.setSha256(uploadId, Buffer.alloc(32, 3)),
    },
    commit: {
      from: ["assembled", "committed"],
      run: ({ uploadId }) => subject().uploads.commits.commit(uploadId, commit),
    },
    "commit with an object": {
      from: ["open", "assembled", "committed"],
      run: (upload) =>
        subject().uploads.commits.commit(upload.uploadId, {
          ...commit,
          fileId: nextUuid(),
          object: sampleObject(upload),
        }),
    },
    abort: {
      from: ["open", "aborted"],
      run: ({ uploadId }) => subject().uploads.catalogue.abort("default", uploadId, TEST_ACTOR),
    },
  };

  for (const [name, { from, run }] of Object.entries(steps)) {
    it(`${name} works from ${from.join(", ")} and from no other state`, async () => {
      for (const state of Object.keys(reach) as UploadState[]) {
        const { upload } = await createWritten(subject(), state === "expired" ? { expireCapMs: 0 } : {});
        if (state !== "expired") await subject().uploads.writers.claimParts(upload.uploadId, 1, { first: 1, count: 1 });
        commit.fileId = nextUuid();
        await reach[state](upload);
        if (from.includes(state)) await run(upload);
        else {
          const error = await expectRefusal(run(upload), "UPLOAD_NOT_OPEN");
          expect(error.details.state).to.equal(state);
          expect((await subject().uploads.catalogue.get("default", upload.uploadId)).upload.state).to.equal(state);
        }
      }
    });

    it(`${name} does not find an unknown upload`, async () => {
      const unknown = newUpload() as unknown as Upload;
      await expectRefusal(run(unknown), "UPLOAD_NOT_FOUND");
    });
  }
}
