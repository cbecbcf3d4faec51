import { readFileSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";

/** What every serving program of the benchmark is told on its command line, as one JSON argument. */
export interface ServerArguments {
  /** The discarding S3 server. */
  readonly sinkUrl: string;
  /** With these the program serves TLS 1.3 and trusts the same certificate towards the sink. */
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
  readonly partSizeBytes: number;
}

/** A program's parsed arguments, its certificate read. */
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

/** Listens on a free port of the loopback, tells the harness the URL, and ends with the harness. */
export function announceServer(server: Server, scheme: "http" | "https"): void {
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1", () => {
    process.send!({ url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
}
