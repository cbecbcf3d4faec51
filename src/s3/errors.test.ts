import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { type S3Failure, S3TimeoutError, toDomainError, toS3Answer, toS3Failure } from "./errors.ts";
import { S3ResponseError } from "./requests/body-requests.ts";

const named = (name: string) => Object.assign(new Error("x"), { name });
const coded = (code: string) => Object.assign(new Error("x"), { code });

describe("toS3Failure", () => {
  const cases: Record<S3Failure, unknown[]> = {
    retryable: [
      ...["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeTooSkewed"].map(named),
      ...["ThrottlingException", "TimeoutError", "OperationAborted", "ExpiredToken", "IncompleteBody"].map(named),
      ...["ECONNRESET", "ECONNREFUSED", "EPIPE", "ENOTFOUND", "EAI_AGAIN", "HPE_INVALID_EOF_STATE"].map(coded),
      ...["EOPENBREAKER", "ETIMEDOUT", "EMFILE", "ENETDOWN"].map(coded),
      new S3TimeoutError("late"),
      ...[500, 502, 503, 429, 408].map((status) => new S3ResponseError("UnknownError", status)),
    ],
    "bad-digest": [named("BadDigest"), named("XAmzContentChecksumMismatch"), new S3ResponseError("BadDigest", 400)],
    "no-such-upload": [named("NoSuchUpload"), new S3ResponseError("NoSuchUpload", 404)],
    "invalid-part": [named("InvalidPart"), named("InvalidPartOrder")],
    "part-too-small": [named("EntityTooSmall"), new S3ResponseError("EntityTooSmall", 400)],
    full: [
      new S3ResponseError("UnknownError", 507),
      new S3ResponseError("QuotaExceeded", 403),
      named("XMinioStorageFull"),
    ],
    unable: [new S3ResponseError("UnknownError", 501), named("NotImplemented")],
    "not-found": [named("NoSuchKey"), named("NotFound"), new S3ResponseError("UnknownError", 404)],
    refused: [
      new S3ResponseError("AccessDenied", 403),
      new S3ResponseError("NoSuchBucket", 404),
      new S3ResponseError("MissingETag", 200),
      new S3ResponseError("PermanentRedirect", 301),
      ...["ERR_TLS_CERT_ALTNAME_INVALID", "CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT"].map(coded),
      ...["ERR_SSL_WRONG_VERSION_NUMBER", "EPROTO"].map(coded),
      named("EndpointError"),
    ],
    unknown: [
      new TypeError("a bug"),
      // The SDK's retries leave this on every error; it does not prove that there was an answer.
      Object.assign(new TypeError("a bug"), { $metadata: { attempts: 1 } }),
      Object.assign(new RangeError("a bug"), { code: "ERR_OUT_OF_RANGE" }),
      Object.assign(new Error("x"), { code: 7 }),
      "a string",
      undefined,
    ],
    aborted: [named("AbortError")],
  };
  for (const [failure, errors] of Object.entries(cases)) {
    it(`knows what is ${failure}`, () => {
      for (const error of errors) expect(toS3Failure(error), String(error)).to.equal(failure);
    });
  }
});

describe("toDomainError", () => {
  const cases: [unknown, string, string, number | undefined][] = [
    [named("BadDigest"), "aborted", "CHECKSUM_MISMATCH", undefined],
    [named("NoSuchUpload"), "aborted", "UPLOAD_LOST", undefined],
    [named("InvalidPart"), "aborted", "CHECKSUM_MISMATCH", undefined],
    [named("EntityTooSmall"), "aborted", "STORAGE_UNABLE", undefined],
    [new S3ResponseError("InsufficientStorage", 507), "unavailable", "STORAGE_FULL", 60_000],
    [new S3ResponseError("NotImplemented", 501), "unimplemented", "STORAGE_UNABLE", undefined],
    [named("NoSuchKey"), "data_loss", "FILE_NOT_FOUND", undefined],
    [named("AbortError"), "unavailable", "STORAGE_UNAVAILABLE", 1000],
    [named("SlowDown"), "unavailable", "STORAGE_UNAVAILABLE", 1000],
    [new S3ResponseError("AccessDenied", 403), "unavailable", "STORAGE_UNAVAILABLE", 60_000],
    [coded("CERT_HAS_EXPIRED"), "unavailable", "STORAGE_UNAVAILABLE", 60_000],
  ];
  for (const [error, code, reason, retryAfterMs] of cases) {
    it(`turns ${(error as Error).name} into ${code} / ${reason}`, () => {
      const translated = toDomainError(error, "part 3") as DomainError;
      expect(translated).to.include({ code, reason, retryAfterMs, cause: error });
      expect(translated.message).to.match(/^part 3: storage /);
    });
  }

  it("leaves a defect of ours as it is", () => {
    for (const error of [new TypeError("a bug"), new RangeError("a bug"), "a string"]) {
      expect(toDomainError(error, "part 3")).to.equal(error);
    }
  });

  it("leaves what is translated already", () => {
    const error = new DomainError("aborted", "fenced", { reason: "WRITER_FENCED" });
    expect(toDomainError(error, "part 3")).to.equal(error);
  });
});

describe("toS3Answer", () => {
  it("has S3's own code and request, behind our error too, and nothing where S3 has not answered", () => {
    const answered = Object.assign(named("EntityTooSmall"), { $metadata: { httpStatusCode: 400, requestId: "R1" } });
    const answer = { code: "EntityTooSmall", status: 400, requestId: "R1" };
    expect(toS3Answer(answered)).to.deep.equal(answer);
    expect(toS3Answer(toDomainError(answered, "assembling the file"))).to.deep.equal(answer);
    expect(toS3Answer(new S3ResponseError("SlowDown", 503))).to.deep.equal({ code: "SlowDown", status: 503 });
    for (const error of [coded("ECONNRESET"), new DomainError("aborted", "x", { reason: "STALLED" }), "a string"]) {
      expect(toS3Answer(error)).to.equal(undefined);
    }
  });
});
