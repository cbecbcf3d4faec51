import { constants } from "node:http2";
import { type CallEnd, type Face, ObservedCall } from "../../telemetry/observed-call.ts";
import { type NodeRequest, type NodeRequestListener, pathOf } from "./node-messages.ts";

/** Paths at which load balancers ask every few seconds. */
const PROBES: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/** Who observes calls. */
export interface CallObserver {
  /** Runs `work` as that call. */
  run: (call: ObservedCall, work: () => void) => void;
  /** Learns of each call when its answer is closed. */
  onEnd: (call: ObservedCall, end: CallEnd) => void;
  /** A monotonic time, in milliseconds. */
  now: () => number;
}

/** The same listener, whose requests are observed calls: what serves one finds it by `currentCall`. */
export function observeCalls(serve: NodeRequestListener, { run, onEnd, now }: CallObserver): NodeRequestListener {
  return (request, response) => {
    const path = pathOf(request);
    if (PROBES.has(path)) return serve(request, response);
    const begun = now();
    const header = (name: string) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const call = new ObservedCall(toFace(path, request), header, request.socket.remoteAddress);
    const stream = "stream" in request && request.httpVersionMajor === 2 ? request.stream : undefined;
    response.once("close", () => {
      // The compatible API of HTTP/2 calls every answer finished once its stream is closed.
      const isCallerGone =
        stream === undefined ? !response.writableFinished : stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      onEnd(call, { durationMs: now() - begun, httpStatus: response.statusCode, isCallerGone });
    });
    call.run(() => run(call, () => serve(request, response)));
  };
}

function toFace(path: string, { headers }: NodeRequest): Face {
  if (path.startsWith("/l/")) return "link";
  const contentType = headers["content-type"] ?? "";
  if (contentType.startsWith("application/grpc-web")) return "grpc-web";
  if (contentType.startsWith("application/grpc")) return "grpc";
  return path.startsWith("/sluice.") || path.startsWith("/grpc.") ? "connect" : "rest";
}
