import { readFileSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";

/** The arguments of every serving program of the benchmark: one JSON argument on its command line. */
export interface ServerArguments {
  /** URL of the S3 server that discards everything. */
  readonly sinkUrl: string;
  /** With these, the program serves TLS 1.3. */
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
  /** The certificate of a sink that has TLS. */
  readonly trustedPath?: string | undefined;
  readonly partSizeBytes: number;
  /** Bytes that the relay gathers before it writes them; 0 for a write of each buffer. */
  readonly corkBytes?: number;
  /** Whether a relay of reads speaks HTTP/2 without TLS. */
  readonly isHttp2?: boolean;
}

/** A program's parsed arguments and the certificate that they name. */
export interface ServerSettings {
  readonly sinkUrl: string;
  readonly partSizeBytes: number;
  readonly corkBytes: number;
  readonly isHttp2: boolean;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly trusted: Buffer | undefined;
}

/** Parses this program's command line. */
export function parseServerArguments(): ServerSettings {
  const args = JSON.parse(process.argv[2]!) as ServerArguments;
  const { sinkUrl, certPath, keyPath, trustedPath, partSizeBytes, corkBytes = 0, isHttp2 = false } = args;
  const tls =
    certPath === undefined || keyPath === undefined
      ? undefined
      : { cert: readFileSync(certPath), key: readFileSync(keyPath) };
  const trusted = trustedPath === undefined ? undefined : readFileSync(trustedPath);
  return { sinkUrl, partSizeBytes, corkBytes, isHttp2, tls, trusted };
}

/** Listens on a free port of the loopback, tells the harness the URL, and ends when the harness ends. */
export function announceServer(server: Server, scheme: "http" | "https"): void {
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1", () => {
    process.send!({ url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
}
