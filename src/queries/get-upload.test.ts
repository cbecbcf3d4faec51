import { expect } from "chai";
import { catchError, SAMPLE_CALLER, sampleNamespaces, sampleUpload } from "../testing/samples/sample-records.ts";
import { getUpload } from "./get-upload.ts";

describe("getUpload", () => {
  const uploads: Parameters<typeof getUpload>[0]["uploads"] = {
    get: async (_namespace, uploadId) => ({ upload: sampleUpload({ uploadId }), parts: [], receivedBytes: 7 }),
  };
  const deps = { uploads, namespaces: sampleNamespaces() };
  const options = { caller: SAMPLE_CALLER };

  it("returns the upload with its progress, whatever the case of its id", async () => {
    const uploadId = "0190A3B4-5C6D-7E8F-9A0B-0000000000AA";
    const { upload, receivedBytes } = await getUpload(deps, { namespace: "default", uploadId }, options);
    expect(upload.uploadId).to.equal(uploadId.toLowerCase());
    expect(receivedBytes).to.equal(7);
  });

  it("refuses what is no UUID and names the field", async () => {
    const error = await catchError(() => getUpload(deps, { namespace: "default", uploadId: "17" }, options));
    expect(error).to.include({ code: "invalid_argument", field: "upload_id" });
  });

  it("refuses an unknown namespace", async () => {
    const error = await catchError(() => getUpload(deps, { namespace: "b", uploadId: "17" }, options));
    expect(error).to.include({ code: "not_found", reason: "NAMESPACE_NOT_FOUND" });
  });
});
