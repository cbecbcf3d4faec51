import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { answerJson, type NodeRequest, type NodeResponse } from "./node-messages.ts";

/** Sentences for answers to which Connect adds none, by status. */
const SENTENCES: Readonly<Record<number, (request: NodeRequest) => string>> = {
  405: ({ method }) => `the method is called by ${method}; call it by POST`,
  415: ({ headers: { "content-type": contentType } }) => {
    const sent = contentType === undefined ? "missing" : JSON.stringify(contentType.slice(0, 100));
    return (
      `content-type is ${sent}; send application/json or application/proto, application/connect+json or +proto where ` +
      "the method streams, or application/grpc or application/grpc-web"
    );
  },
  505: () => "the method streams in both directions; call it over HTTP/2",
};

/** Answers a request that is no call and for which Connect has only a status. Returns false for all other answers. */
export function answerBare(
  { status, header, body }: UniversalServerResponse,
  request: NodeRequest,
  response: NodeResponse,
): boolean {
  const sentence = SENTENCES[status];
  if (sentence === undefined || body !== undefined) return false;
  for (const [name, value] of header ?? []) response.setHeader(name, value);
  answerJson(request, response, { status, body: { code: "invalid_argument", message: sentence(request) } });
  return true;
}
