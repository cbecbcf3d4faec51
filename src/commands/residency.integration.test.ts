import { randomBytes, randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { pino } from "pino";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { type App, startApp } from "../composition/app.ts";
import { enteredByTest } from "../testing/rigs/database/journal-guard.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN, untilReady } from "../testing/rigs/service/running-service.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const namespace = "default";
const BYTES = seededBytes(PART_BYTES);
const FAILED_PRECONDITION = 9;
const SAYS = "namespace default keeps files in ap-southeast-2, but bucket bucket lies in eu-central-1";
/** Methods that store bytes in the namespace's bucket, or give them out from there. Every other method must work. */
const REFUSED = [
  ...["CreateUpload", "WriteUpload", "WritePart", "SignParts", "CompleteUpload"],
  ...["CreateDownloadUrl", "UndeleteFile", "RestoreGeneration", "CopyFile", "CreateLink"],
];

describe("A namespace whose bucket lies in another region than it says", () => {
  let rig: UploadRig;
  /** The same service after the namespace was changed to say another region. */
  let strict: App;
  let uploadId: string;
  /** Made while the namespace may be written. */
  const uploads: string[] = [];
  let linkUrl: string;
  let linkId: string;

  const call = async (method: string, json: object, url = strict.url) => {
    const service = [UploadService, FileCommandService, FileQueryService].find((one) =>
      one.methods.some(({ name }) => name === method),
    );
    const answer = await callRest(`${url}/${service?.typeName}/${method}`, {
      method: "POST",
      token: SERVICE_TOKEN,
      json,
      headers: { connection: "close" },
    });
    const info = answer.body.details?.find(({ type }: { type: string }) => type === "google.rpc.ErrorInfo");
    return { status: answer.status, body: answer.body, reason: info?.debug?.reason, message: answer.body.message };
  };
  const createOpen = async () => {
    const request = { requestId: randomUUID(), namespace, path: rig.nextPath(), sizeBytes: String(BYTES.length) };
    const { body } = await call("CreateUpload", request, rig.service.url);
    return body.upload.uploadId as string;
  };
  const writePart = (url: string, target = uploadId) => {
    const data = { partNumber: 1, crc32: crc32(BYTES), data: BYTES.toString("base64") };
    return call("WritePart", { namespace, uploadId: target, ...data }, url);
  };

  before(async () => {
    rig = await UploadRig.start({
      settings: { SLUICE_TOKEN_KEYS: JSON.stringify([randomBytes(32).toString("base64")]) },
    });
    const { service, client } = rig;
    await client.upload(BYTES, "live.bin");
    await client.upload(BYTES, "old.bin");
    await client.upload(BYTES, "old.bin");
    await client.upload(BYTES, "deleted.bin");
    await call("DeleteFile", { requestId: randomUUID(), namespace, path: "deleted.bin" }, service.url);
    uploadId = await createOpen();
    expect((await writePart(service.url)).status).to.equal(200);
    const linked = await call("CreateLink", { requestId: randomUUID(), namespace, path: "live.bin" }, service.url);
    linkUrl = linked.body.url;
    linkId = linked.body.link.linkId;
    for (let count = 0; count < 5; count++) uploads.push(await createOpen());
    await rig.query(
      `${enteredByTest.sql} UPDATE namespace SET region = 'ap-southeast-2', allowed_regions = '{ap-southeast-2}'`,
    );
    const { config } = service;
    const changed = { ...config.namespace, region: "ap-southeast-2", allowedRegions: ["ap-southeast-2"] };
    strict = await startApp({ ...config, namespace: changed }, pino({ level: "silent" }));
    await untilReady(strict);
  });
  after(async () => {
    await strict?.stop();
    await rig?.stop();
  });

  /** A request for each method that would work in any other namespace; WriteUpload and WatchUpload are called by themselves. */
  const REQUESTS: Record<string, () => Promise<object> | object> = {
    CreateUpload: () => ({ path: "new.bin" }),
    WritePart: () => ({
      uploadId: uploads.pop(),
      partNumber: 1,
      crc32: crc32(BYTES),
      data: BYTES.toString("base64"),
    }),
    SignParts: () => ({
      uploadId: uploads.pop(),
      parts: [{ partNumber: 1, sizeBytes: String(BYTES.length), crc32: crc32(BYTES) }],
    }),
    CompleteUpload: () => ({ uploadId }),
    AbortUpload: () => ({ uploadId: uploads.pop() }),
    GetUpload: () => ({ uploadId }),
    // The token stores nothing: its uploads are refused.
    CreateUploadToken: () => ({ prefix: "a/", sizeMaxBytes: "1", uploadsMax: 1 }),
    CreateDownloadUrl: () => ({ path: "live.bin" }),
    UpdateFile: () => ({ file: { namespace, path: "live.bin", labels: { a: "b" } } }),
    MoveFile: () => ({ path: "live.bin", targetPath: "moved.bin" }),
    UndeleteFile: () => ({ path: "deleted.bin" }),
    RestoreGeneration: () => ({ path: "old.bin", generation: "1" }),
    CopyFile: () => ({ path: "old.bin", targetPath: "copy.bin" }),
    CreateLink: () => ({ path: "old.bin" }),
    RevokeLink: () => ({ linkId }),
    DeleteFile: () => ({ path: "old.bin" }),
    PurgeFile: () => ({ path: "old.bin", generation: "1" }),
    PurgeFiles: () => ({ filter: 'path = "deleted.bin"' }),
    GetFile: () => ({ path: "moved.bin" }),
    ListFiles: () => ({}),
    SearchFiles: () => ({ filter: 'path = "moved.bin"' }),
    ListGenerations: () => ({ path: "old.bin" }),
    ListLinks: () => ({}),
  };
  const withoutNamespace = ["UpdateFile"];
  const streamed = ["WriteUpload", "WatchUpload", "ReadFile"];

  it("refuses a link to what it no longer gives out, with a plain page", async () => {
    const answer = await callRest(linkUrl.replace(rig.service.url, strict.url), { headers: { connection: "close" } });
    expect(answer.status).to.equal(503);
    expect(answer.headers.get("location")).to.equal(null);
  });

  it("refuses a stream that writes", async () => {
    const refusal = {
      code: FAILED_PRECONDITION,
      reason: "RESIDENCY_VIOLATION",
      says: SAYS,
    };
    await expectRefused(rig.create({}, rig.connect(strict.url)).end(), refusal);
    await expectRefused(rig.resume(uploads.pop() as string, rig.connect(strict.url)).end(), refusal);
  });

  it("gives the bytes out by itself, so that they can be taken away, and no URL of storage", async () => {
    const url = `${strict.url}/v1/namespaces/default/files/live.bin?alt=media`;
    const asking = { token: SERVICE_TOKEN, headers: { connection: "close" } };
    expect((await callRest(`${url}&redirect=false`, asking)).status).to.equal(200);
    expect((await callRest(url, asking)).body).to.include({ status: 412, reason: "RESIDENCY_VIOLATION" });
  });

  const rank = (name: string) => (REFUSED.includes(name) ? 0 : Object.keys(REQUESTS).indexOf(name) + 1);
  const methods = [UploadService, FileCommandService, FileQueryService]
    .flatMap((service) => service.methods.map(({ name }) => name))
    .filter((name) => !streamed.includes(name))
    .sort((one, other) => rank(one) - rank(other));
  for (const name of methods) {
    it(`${REFUSED.includes(name) ? "refuses" : "allows"} ${name}`, async () => {
      const toRequest = REQUESTS[name];
      if (toRequest === undefined) throw new Error(`say in this test whether ${name} stores or gives out bytes`);
      const place = withoutNamespace.includes(name) ? {} : { namespace };
      const takesId = FileCommandService.methods
        .concat(UploadService.methods as never)
        .find((one) => one.name === name);
      const hasId = takesId?.input.fields.some((field) => field.name === "request_id") === true;
      const answer = await call(name, { ...place, ...(hasId && { requestId: randomUUID() }), ...(await toRequest()) });
      if (REFUSED.includes(name)) {
        expect(answer.reason, answer.message).to.equal("RESIDENCY_VIOLATION");
        expect(answer.message).to.include(SAYS);
      } else expect(answer.status, answer.message).to.equal(200);
    });
  }

  it("is degraded, and says to callers with a token which namespace it is", async () => {
    const ask = (token?: string) =>
      callRest(`${strict.url}/readyz`, { headers: { connection: "close" }, ...(token !== undefined && { token }) });
    const known = await ask(SERVICE_TOKEN);
    expect(known.status).to.equal(200);
    expect(known.body.status).to.equal("degraded");
    expect(known.body.problems[0].problem).to.include(SAYS);
    const stranger = await ask();
    expect(stranger.status).to.equal(200);
    const [problem, ...others] = stranger.body.problems;
    expect([stranger.body.status, Object.keys(problem), problem.component, others]).to.deep.equal([
      "degraded",
      ["component", "since"],
      "residency",
      [],
    ]);
  });
});

describe("A namespace whose bucket lies elsewhere than it says", () => {
  it("is not written, and its service is ready", async () => {
    const rig = await UploadRig.start({ bucketRegion: "ap-southeast-2" });
    try {
      const refusal = { code: FAILED_PRECONDITION, reason: "RESIDENCY_VIOLATION" };
      const says = "namespace default keeps files in eu-central-1, but bucket bucket lies in ap-southeast-2";
      await expectRefused(rig.create({}).end(), { ...refusal, says, metadata: { region: "ap-southeast-2" } });
      expect(rig.service.app.readiness.isReady).to.equal(true);
      expect(rig.service.app.readiness.degradations.map(({ component }) => component)).to.deep.equal(["residency"]);
    } finally {
      await rig.stop();
    }
  });
});
