import { readFileSync } from "node:fs";

/** The arguments of every client program of the benchmark: one JSON argument on its command line. */
export interface ClientArguments {
  /** The URL that the content goes to: the serving process, or the S3 sink when the client needs no service. */
  readonly url: string;
  /** The certificate to trust under https. */
  readonly certPath?: string | undefined;
  /** Bytes per message or write. */
  readonly chunkBytes: number;
  /** Further arguments of a single contender's client. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** Parses this program's command line. */
export function parseClientArguments(): ClientArguments & { readonly ca?: Buffer } {
  const parsed = JSON.parse(process.argv[2]!) as ClientArguments;
  return { ...parsed, ...(parsed.certPath === undefined ? {} : { ca: readFileSync(parsed.certPath) }) };
}

/**
 * Serves the harness until its channel closes. `upload` sends that many bytes and resolves when the other side has confirmed
 * all of them. The answer to the harness is the number of seconds that this took, or the error's message.
 */
export function serveUploads(upload: (sizeBytes: number) => Promise<void>): void {
  process.on("disconnect", () => process.exit());
  process.on("message", async ({ sizeBytes }: { sizeBytes: number }) => {
    const begun = performance.now();
    try {
      await upload(sizeBytes);
      process.send!({ seconds: (performance.now() - begun) / 1000 });
    } catch (error) {
      process.send!({ error: String(error instanceof Error ? (error.stack ?? error) : error) });
    }
  });
  process.send!({ ready: true });
}
