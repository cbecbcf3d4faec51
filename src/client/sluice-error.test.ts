import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "chai";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { fromConnectError, fromGrpcTrailers, fromNetworkError, SluiceError } from "./sluice-error.ts";

const info = create(ErrorInfoSchema, { reason: "OVERLOADED", domain: "sluice", metadata: { uploads_max: "5" } });
const retry = create(RetryInfoSchema, { retryDelay: { seconds: 2n, nanos: 500_000_000 } });

describe("fromGrpcTrailers", () => {
  it("is nothing when the call went well", () => {
    expect(fromGrpcTrailers({ "grpc-status": "0" })).to.equal(undefined);
  });

  it("takes code, message, reason, details and delay", () => {
    const status = create(StatusSchema, { details: [anyPack(ErrorInfoSchema, info), anyPack(RetryInfoSchema, retry)] });
    const error = fromGrpcTrailers({
      "grpc-status": "8",
      "grpc-message": "too many uploads, 5 %E2%89%A5 5",
      "grpc-status-details-bin": Buffer.from(toBinary(StatusSchema, status)).toString("base64").replace(/=+$/, ""),
    });
    expect(error).to.include({
      code: "resource_exhausted",
      message: "too many uploads, 5 ≥ 5",
      reason: "OVERLOADED",
      retryAfterMs: 2500,
    });
    expect(error?.details).to.deep.equal({ uploads_max: "5" });
  });

  it("keeps code and message when details or encoding cannot be read", () => {
    const error = fromGrpcTrailers({ "grpc-status": "13", "grpc-message": "100 %", "grpc-status-details-bin": "AAAA" });
    expect(error).to.include({ code: "internal", message: "100 %", reason: "INTERNAL" });
    expect(fromGrpcTrailers({ "grpc-status": "99" })).to.include({ code: "unknown", message: "" });
  });
});

describe("fromConnectError", () => {
  it("takes the details of the service", () => {
    const error = new ConnectError("too many", Code.ResourceExhausted);
    error.details.push({ desc: ErrorInfoSchema, value: info }, { desc: RetryInfoSchema, value: retry });
    expect(fromConnectError(error)).to.include({ reason: "OVERLOADED", retryAfterMs: 2500, message: "too many" });
  });

  it("sees the network behind an error without details", () => {
    const cause = Object.assign(new Error("connect failed"), { code: "ECONNREFUSED" });
    const error = new ConnectError("x", Code.Unavailable, undefined, undefined, cause);
    expect(fromConnectError(error)).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
  });

  it("yields to the caller's own abort, and to errors of the client", () => {
    const reason = new Error("enough");
    expect(fromConnectError(new Error("x"), AbortSignal.abort(reason))).to.equal(reason);
    const own = new SluiceError("internal", "x", { reason: "Y" });
    expect(fromConnectError(own)).to.equal(own);
  });
});

describe("fromNetworkError", () => {
  it("tells certificates from connections", () => {
    const refused = Object.assign(new Error("x"), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    expect(fromNetworkError(new Error("outer", { cause: refused }))).to.include({ reason: "TLS_UNTRUSTED" });
    const both = new AggregateError([Object.assign(new Error("x"), { code: "ECONNREFUSED" })]);
    expect(fromNetworkError(both).message).to.equal("no connection to the server: ECONNREFUSED");
    expect(fromNetworkError(new Error("odd")).message).to.contain("odd");
    const foreign = fromNetworkError(Object.assign(new Error("Protocol error"), { code: "ERR_HTTP2_ERROR" }));
    expect(foreign.message).to.contain("does not speak HTTP/2 (Protocol error); check the URL");
    expect(foreign.reason).to.equal("CONNECTION_LOST");
    expect(fromNetworkError("odder").message).to.contain("odder");
  });
});
