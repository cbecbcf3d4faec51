import type { NodeRequest, NodeResponse } from "./node-messages.ts";

/**
 * Cuts an HTTP/1.1 connection whose body takes too long. The body of a PUT may be a file. Its receiver ends it when it
 * stalls, so its time counts only from an answer that refuses it: nobody receives it after that. Node's own limit of this
 * kind holds for all requests of a server alike.
 */
export function limitBody(request: NodeRequest, response: NodeResponse, timeoutMs: number): void {
  if (request.method === "PUT") {
    response.once("finish", () => {
      if (response.statusCode >= 400 && !request.complete) cutUnlessWhole(request, timeoutMs);
    });
  } else cutUnlessWhole(request, timeoutMs);
}

function cutUnlessWhole(request: NodeRequest, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, timeoutMs).unref();
  request.once("end", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}
