import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { expect } from "chai";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { toConnectError } from "./error-interceptor.ts";
import { ERROR_MESSAGE_MAX, ERROR_STATUS } from "./errors.ts";

/** The status of the error as the trailers of a gRPC answer carry it. */
function toGrpcStatus(error: unknown) {
  const trailers = new Headers();
  setTrailerStatus(trailers, toConnectError(error));
  return {
    code: Number(trailers.get("grpc-status")),
    message: decodeURIComponent(trailers.get("grpc-message") ?? ""),
    detailsBin: Buffer.from(trailers.get("grpc-status-details-bin") ?? "", "base64"),
  };
}

/** The details of a status as a client reads them, by type name. */
function readDetails(detailsBin: Uint8Array) {
  const { details } = fromBinary(StatusSchema, detailsBin);
  const find = <S extends Parameters<typeof anyUnpack>[1]>(schema: S) =>
    details.map((any) => anyUnpack(any, schema)).find((message) => message !== undefined);
  return {
    errorInfo: find(ErrorInfoSchema) as { reason: string; domain: string; metadata: object } | undefined,
    badRequest: find(BadRequestSchema),
    retryInfo: find(RetryInfoSchema),
    preconditionFailure: find(PreconditionFailureSchema),
    quotaFailure: find(QuotaFailureSchema) as { violations: { subject: string; description: string }[] } | undefined,
    resourceInfo: find(ResourceInfoSchema),
    count: details.length,
  };
}

describe("ERROR_STATUS", () => {
  it("names each code as gRPC and Connect do", () => {
    for (const [code, { grpc, http }] of Object.entries(ERROR_STATUS)) {
      const name = Code[grpc]?.replaceAll(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
      expect(name).to.equal(code);
      expect(http).to.be.within(400, 599);
    }
  });
});

describe("an error in the trailers of gRPC", () => {
  it("cuts a message that would not fit a header, and keeps the rest", () => {
    const { message } = toGrpcStatus(invalidArgument("a", "x".repeat(ERROR_MESSAGE_MAX)));
    expect(message).to.equal("x".repeat(ERROR_MESSAGE_MAX));
    const long = invalidArgument("a", "\u{1f600}".repeat(ERROR_MESSAGE_MAX), { details: { size_bytes: 6 } });
    const cut = toGrpcStatus(long);
    expect(cut.message)
      .to.have.length(ERROR_MESSAGE_MAX)
      .and.match(/^(\u{1f600})+\ufffd…$/u);
    expect(cut.detailsBin.length).to.be.below(ERROR_MESSAGE_MAX * 5);
    const { errorInfo, badRequest } = readDetails(cut.detailsBin);
    expect(errorInfo).to.deep.include({ reason: "ARGUMENT_INVALID", metadata: { size_bytes: "6" } });
    expect(badRequest).to.have.property("fieldViolations").with.length(1);
  });

  it("carries reason, domain and the offending values as strings", () => {
    const error = invalidArgument("size_bytes", "size is 6; the limit is 5", {
      reason: "SIZE_LIMIT",
      details: { size_bytes: 6, namespace: "a" },
    });
    const { code, message, detailsBin } = toGrpcStatus(error);
    expect([code, message]).to.deep.equal([Code.InvalidArgument, "size is 6; the limit is 5"]);
    const status = fromBinary(StatusSchema, detailsBin);
    expect([status.code, status.message]).to.deep.equal([code, message]);
    const { errorInfo, badRequest, count } = readDetails(detailsBin);
    expect(errorInfo).to.deep.include({
      reason: "SIZE_LIMIT",
      domain: "sluice",
      metadata: { size_bytes: "6", namespace: "a" },
    });
    expect(badRequest?.fieldViolations[0]).to.include({ field: "size_bytes", description: message });
    expect(count).to.equal(2);
  });

  it("says when to try again, in whole milliseconds", () => {
    const error = new DomainError("resource_exhausted", "too many uploads", {
      reason: "OVERLOADED",
      retryAfterMs: 1500.2,
    });
    const { retryInfo } = readDetails(toGrpcStatus(error).detailsBin);
    expect(retryInfo?.retryDelay && durationMs(retryInfo.retryDelay)).to.equal(1501);
  });

  it("says whose quota is used up", () => {
    const violationsOf = (details: Record<string, string>) => {
      const error = new DomainError("resource_exhausted", "too much", { reason: "QUOTA_STORAGE", details });
      return readDetails(toGrpcStatus(error).detailsBin).quotaFailure?.violations;
    };
    expect(violationsOf({ namespace: "a" })?.[0]).to.include({ subject: "namespace:a", description: "too much" });
    const own = violationsOf({ namespace: "a", principal: "acme:bob" });
    expect(own?.[0]).to.include({ subject: "namespace:a/principal:acme:bob" });
  });

  it("says which precondition failed on what", () => {
    const error = new DomainError("failed_precondition", "generation is 4, not 3", {
      reason: "GENERATION_MISMATCH",
      details: { namespace: "a", path: "b/c", generation: 4 },
    });
    const { preconditionFailure } = readDetails(toGrpcStatus(error).detailsBin);
    expect(preconditionFailure?.violations[0]).to.include({ type: "GENERATION_MISMATCH", subject: "b/c" });
  });

  it("says which resource was not found, by its most precise name", () => {
    for (const [details, name] of [
      [{ namespace: "a", path: "b" }, "b"],
      [{ namespace: "a", upload_id: "u" }, "u"],
      [{ namespace: "a" }, "a"],
      [{}, ""],
    ] as const) {
      const error = new DomainError("not_found", "no such file", { reason: "FILE_NOT_FOUND", field: "path", details });
      const { resourceInfo, badRequest } = readDetails(toGrpcStatus(error).detailsBin);
      expect(resourceInfo).to.include({ resourceType: "sluice.v1.File", resourceName: name });
      expect(badRequest, "only invalid arguments are bad requests").to.equal(undefined);
    }
  });

  it("hides everything of a defect", () => {
    for (const defect of [new TypeError("password=1 is not a function"), "a string", undefined]) {
      const { code, message, detailsBin } = toGrpcStatus(defect);
      expect([code, message]).to.deep.equal([Code.Internal, "internal error"]);
      expect(readDetails(detailsBin).errorInfo).to.deep.include({ reason: "INTERNAL", metadata: {} });
      expect(Buffer.from(detailsBin).includes("password")).to.equal(false);
    }
  });
});
