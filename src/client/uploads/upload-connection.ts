import type { Http2SessionManager } from "@connectrpc/connect-node";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { Route } from "../connection/addresses.ts";
import type { Credentials } from "../credentials.ts";
import { UploadStream, type UploadStreamOptions } from "./upload-stream.ts";

/** An address that streams of uploads go to. */
export interface UploadAddress {
  name: string;
  url: URL;
}

/** The connection that carries the streams of an upload or of one of its lanes; it is one HTTP/2 connection at a time. */
export interface UploadConnection {
  /** A stream goes to the address that is current when it is opened. */
  readonly route: Route<{ name: string }>;
  openStream(options: Pick<UploadStreamOptions, "start" | "onProgress" | "signal">): Promise<UploadStream>;
  /** Ends every stream, if the connection carries nothing else. */
  close(): void;
}

/** The options that all streams share. */
type StreamCommons = Pick<UploadStreamOptions, "onPosition"> & { credentials: Credentials };

/** Opens streams along a route, over the sessions that all calls share. */
export function shareConnection<T extends UploadAddress>(
  route: Route<T>,
  { sessionOf, credentials, ...commons }: StreamCommons & { sessionOf: (address: T) => Http2SessionManager },
): UploadConnection {
  return {
    route,
    async openStream(options) {
      const { current } = route;
      const prefix = current.url.pathname.replace(/\/$/, "");
      const methodPath = `${prefix}/${UploadService.typeName}/${UploadService.method.writeUpload.name}`;
      const token = await credentials.current();
      const onError = (error: unknown) => credentials.note(error, token);
      return await UploadStream.open(sessionOf(current), { methodPath, token, onError, ...commons, ...options });
    },
    close: () => {},
  };
}

/** Opens streams along a route, over a session of their own, which is replaced when the address changes. */
export function ownConnection<T extends UploadAddress>(
  route: Route<T>,
  { openSession, ...commons }: StreamCommons & { openSession: (url: URL) => Http2SessionManager },
): UploadConnection {
  let own: { address: T; session: Http2SessionManager } | undefined;
  const sessionOf = (address: T) => {
    if (own?.address !== address) {
      own?.session.abort();
      own = { address, session: openSession(address.url) };
    }
    return own.session;
  };
  return { ...shareConnection(route, { sessionOf, ...commons }), close: () => own?.session.abort() };
}
