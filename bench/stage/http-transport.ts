import * as http from "node:http";
import * as https from "node:https";

/** Sends requests over HTTP/1.1 with kept connections; TLS 1.3 where the URL asks for it. */
export interface HttpTransport {
  readonly agent: http.Agent;
  readonly request: typeof http.request;
}

/** The transport to a URL. `ca` is the certificate to trust under https. */
export function createHttpTransport(url: string, ca?: Buffer): HttpTransport {
  return url.startsWith("https:")
    ? { agent: new https.Agent({ keepAlive: true, ca, minVersion: "TLSv1.3" }), request: https.request }
    : { agent: new http.Agent({ keepAlive: true }), request: http.request };
}
