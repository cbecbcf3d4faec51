import { answerJson, type NodeRequest, type NodeResponse } from "./node-messages.ts";

/**
 * Refuses with 400 a request that names two hosts: a proxy in front may have used the other one (RFC 9112, 3.2; RFC 9113,
 * 8.3.1). Node drops the second Host header silently. Returns false when the request names one host or none.
 */
export function refuseTwoHosts(request: NodeRequest, response: NodeResponse): boolean {
  if (!namesTwoHosts(request)) return false;
  const message = "the request names two hosts; send one Host header, or over HTTP/2 :authority alone";
  // A proxy may take the next bytes on this connection for the request of somebody else.
  if (request.httpVersionMajor === 1) response.setHeader("connection", "close");
  answerJson(request, response, { status: 400, body: { code: "invalid_argument", message } });
  return true;
}

function namesTwoHosts(request: NodeRequest): boolean {
  const { host } = request.headers;
  if (request.httpVersionMajor === 2) {
    const authority = request.headers[":authority"];
    return host !== undefined && authority !== undefined && host !== authority;
  }
  const isHost = (name: string, i: number) => i % 2 === 0 && name.length === 4 && name.toLowerCase() === "host";
  return request.rawHeaders.filter(isHost).length > 1;
}
