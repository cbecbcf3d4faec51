import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { fromConnectError, type SluiceError } from "../../client/sluice-error.ts";
import { SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { expectRefused, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

describe("The request id of a command", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const namespace = "default";
  const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
  const uploads = () => createClient(UploadService, createGrpcTransport({ baseUrl: rig.service.url }));
  const files = () => createClient(FileCommandService, createGrpcTransport({ baseUrl: rig.service.url }));
  const createUpload = async () => {
    const { uploadId } = await rig.client.createUpload(rig.nextPath(), { sizeBytes: 10n });
    return uploadId;
  };
  /** An upload whose ten bytes are durable, to be completed. */
  const sealUpload = async () => {
    const call = rig.create().sendBytes(Buffer.alloc(10));
    const { uploadId } = await call.started();
    await call.send({ finish: { commit: false } }).status;
    return uploadId;
  };
  const createFile = async () => {
    const path = rig.nextPath();
    await rig.create({ path }).sendBytes(Buffer.alloc(10)).send({ finish: {} }).committed();
    return path;
  };
  const deleteFile = async () => {
    const path = await createFile();
    await rig.client.deleteFile(path);
    return path;
  };

  /**
   * For each command: a function that makes a subject, and one that runs the command on it. The second one's answer must be
   * the same when the call is repeated.
   */
  const commands: Record<
    string,
    { make: () => Promise<string>; run: (requestId: string, on: string) => Promise<unknown> }
  > = {
    CreateUpload: {
      make: async () => rig.nextPath(),
      run: async (requestId, path) =>
        (await uploads().createUpload({ requestId, namespace, path }, { headers })).upload?.uploadId,
    },
    CompleteUpload: {
      make: sealUpload,
      run: async (requestId, uploadId) =>
        (await uploads().completeUpload({ requestId, namespace, uploadId }, { headers })).file,
    },
    AbortUpload: {
      make: createUpload,
      run: async (requestId, uploadId) =>
        (await uploads().abortUpload({ requestId, namespace, uploadId }, { headers })).upload,
    },
    DeleteFile: {
      make: createFile,
      run: async (requestId, path) => (await files().deleteFile({ requestId, namespace, path }, { headers })).file,
    },
    UndeleteFile: {
      make: deleteFile,
      run: async (requestId, path) => (await files().undeleteFile({ requestId, namespace, path }, { headers })).file,
    },
    CopyFile: {
      make: createFile,
      run: async (requestId, path) =>
        (await files().copyFile({ requestId, namespace, path, targetPath: `${path}.copy` }, { headers })).file,
    },
    MoveFile: {
      make: createFile,
      run: async (requestId, path) =>
        (await files().moveFile({ requestId, namespace, path, targetPath: `${path}.moved` }, { headers })).file,
    },
    RestoreGeneration: {
      make: deleteFile,
      run: async (requestId, path) =>
        (await files().restoreGeneration({ requestId, namespace, path, generation: 1n }, { headers })).file,
    },
    PurgeFile: {
      make: deleteFile,
      run: async (requestId, path) => (await files().purgeFile({ requestId, namespace, path }, { headers })).file,
    },
  };
  const catchReason = (call: Promise<unknown>) =>
    call.then(
      () => "nothing was refused",
      (error) => (fromConnectError(error) as SluiceError).reason,
    );

  for (const [name, { make, run }] of Object.entries(commands)) {
    it(`of ${name} gets the first answer again, and is refused for another subject`, async () => {
      const [subject, other] = [await make(), await make()];
      const requestId = randomUUID();
      const first = await run(requestId, subject);
      expect(first).not.to.equal(undefined);
      expect(await run(requestId.toUpperCase(), subject)).to.deep.equal(first);
      expect(await catchReason(run(requestId, other))).to.equal("REQUEST_ID_REUSED");
      await run(randomUUID(), other);
      expect(await catchReason(run("not a UUID", subject))).to.equal("REQUEST_ID_INVALID");
      expect(await catchReason(run("", subject))).to.equal("REQUEST_ID_INVALID");
    });
  }

  it("of CompleteUpload stands for what is declared too, and for a call that was refused", async () => {
    const uploadId = await sealUpload();
    const requestId = randomUUID();
    const complete = (request: {
      sizeBytes?: bigint;
      ifGenerationMatch?: bigint;
      crc32?: number;
      sha256?: Uint8Array;
    }) => catchReason(uploads().completeUpload({ requestId, namespace, uploadId, ...request }, { headers }));
    expect(await complete({ ifGenerationMatch: 3n })).to.equal("GENERATION_MISMATCH");
    for (const other of [{}, { ifGenerationMatch: 0n }, { ifGenerationMatch: 3n, sizeBytes: 10n }]) {
      expect(await complete(other)).to.equal("REQUEST_ID_REUSED");
    }
    expect(await complete({ ifGenerationMatch: 3n }), "the same again").to.equal("GENERATION_MISMATCH");
    await rig.client.completeUpload(uploadId, { ifGenerationMatch: 0n });
  });

  it("of a stream that creates its upload is refused for another file", async () => {
    const request = { requestId: randomUUID(), path: rig.nextPath() };
    const first = rig.create(request);
    await first.started();
    const other = rig.create({ ...request, path: rig.nextPath() });
    await expectRefused(other, { code: 3, reason: "REQUEST_ID_REUSED", says: request.requestId });
    first.reset();
  });
});
