import type { ServerResponse } from "node:http";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { DomainError } from "../../domain/errors.ts";
import { type NodeRequest, type NodeResponse, pathOf } from "../listener/node-messages.ts";
import { toConnectError } from "./error-interceptor.ts";

/** `/package.Service/Method`, the path of every call. No REST path has a dot in its first segment. */
const METHOD_PATH = /^\/(\w+(?:\.\w+)+)\/(\w+)$/;

/**
 * Answers a call of a method that does not exist, in the caller's protocol, with `unimplemented / METHOD_UNKNOWN`. gRPC clients
 * would also make UNIMPLEMENTED of a plain 404, but without a word about what is wrong. This needs no token: the protos are no
 * secret, and any client that is newer than the service must learn it. Returns false when the request is no call.
 */
export function answerUnknownMethod(request: NodeRequest, response: NodeResponse): boolean {
  const answer = request.method === "POST" ? toAnswer(request) : undefined;
  if (answer === undefined) return false;
  // The rest of the request is thrown away: a stream that nobody reads would never end.
  request.on("error", () => {});
  request.resume();
  // The caller is gone, so nobody is left to tell.
  universalResponseToNodeResponse(answer, response as ServerResponse).catch(() => response.destroy());
  return true;
}

function toAnswer(request: NodeRequest): UniversalServerResponse | undefined {
  const contentType = request.headers["content-type"] ?? "";
  const error = toConnectError(toUnimplemented(pathOf(request)));
  const header = new Headers({ "content-type": contentType });
  const trailer = new Headers();
  const [, form] = /^application\/(grpc-web|grpc|connect\+json|connect\+proto|json|proto)\b/.exec(contentType) ?? [];
  switch (form) {
    case "grpc":
      setTrailerStatus(trailer, error);
      return { status: 200, header, body: inOnePiece(), trailer };
    case "grpc-web":
      setTrailerStatus(trailer, error);
      return { status: 200, header, body: inOnePiece(encodeEnvelope(trailerFlag, trailerSerialize(trailer))) };
    case "connect+json":
    case "connect+proto": {
      const end = Buffer.from(JSON.stringify(endStreamToJson(new Headers(), error, undefined)));
      return { status: 200, header, body: inOnePiece(encodeEnvelope(endStreamFlag, end)) };
    }
    case "json":
    case "proto":
      if (!METHOD_PATH.test(pathOf(request))) return undefined;
      header.set("content-type", "application/json");
      return { status: codeToHttpStatus(error.code), header, body: inOnePiece(errorToJsonBytes(error, undefined)) };
    default:
      return undefined;
  }
}

async function* inOnePiece(...pieces: Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* pieces;
}

function toUnimplemented(path: string): DomainError {
  const [, service, method] = METHOD_PATH.exec(path) ?? [];
  const message =
    service === undefined
      ? `${path} is not the path of a method; methods are at /sluice.v1.<Service>/<Method>`
      : `this service has no method ${method} in ${service}; compare the client's proto with the service's, by reflection`;
  return new DomainError("unimplemented", message, { reason: "METHOD_UNKNOWN", details: { path } });
}
