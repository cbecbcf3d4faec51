import { readFileSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";

/** The arguments of every serving program of the benchmark: one JSON argument on its command line. */
export interface ServerArguments {
  /** URL of the S3 server that discards everything. */
  readonly sinkUrl: string;
  /** With these, the program serves TLS 1.3 and trusts the same certificate at the sink. */
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
  readonly partSizeBytes: number;
}

/** A program's parsed arguments and the certificate that they name. */
export interface ServerSettings {
  readonly sinkUrl: string;
  readonly partSizeBytes: number;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

/** Parses this program's command line. */
export function parseServerArguments(): ServerSettings {
  const { sinkUrl, certPath, keyPath, partSizeBytes } = JSON.parse(process.argv[2]!) as ServerArguments;
  const tls =
    certPath === undefined || keyPath === undefined
      ? undefined
      : { cert: readFileSync(certPath), key: readFileSync(keyPath) };
  return { sinkUrl, partSizeBytes, tls };
}

/** Listens on a free port of the loopback, tells the harness the URL, and ends when the harness ends. */
export function announceServer(server: Server, scheme: "http" | "https"): void {
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1", () => {
    process.send!({ url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
}
