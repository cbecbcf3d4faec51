import type { Http2SessionManager } from "@connectrpc/connect-node";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { UploadStream, type UploadStreamOptions } from "./upload-stream.ts";

/** An HTTP/2 connection that carries streams of uploads; made again by itself after a cut. */
export interface UploadConnection {
  openStream(options: Pick<UploadStreamOptions, "start" | "onProgress" | "signal">): Promise<UploadStream>;
  /** Ends the connection and every stream on it. */
  close(): void;
}

/** Streams over `manager`, to the service below the path of `url`. `headers` go with each. */
export function createUploadConnection(
  manager: Http2SessionManager,
  { url, headers }: { url: URL; headers: UploadStreamOptions["headers"] },
): UploadConnection {
  const prefix = url.pathname.replace(/\/$/, "");
  const methodPath = `${prefix}/${UploadService.typeName}/${UploadService.method.writeUpload.name}`;
  return {
    openStream: (options) => UploadStream.open(manager, { methodPath, headers, ...options }),
    close: () => manager.abort(),
  };
}
