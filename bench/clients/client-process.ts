import { readFileSync } from "node:fs";

/** What every client program of the benchmark is told on its command line, as one JSON argument. */
export interface ClientArguments {
  /** Where to send the content: the serving process, or for a client without one, the S3 sink. */
  readonly url: string;
  /** The certificate to trust under https. */
  readonly certPath?: string | undefined;
  /** Bytes per message or write. */
  readonly chunkBytes: number;
  /** Whatever one contender's client needs besides. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** Parses this program's command line. */
export function parseClientArguments(): ClientArguments & { readonly ca?: Buffer } {
  const parsed = JSON.parse(process.argv[2]!) as ClientArguments;
  return { ...parsed, ...(parsed.certPath === undefined ? {} : { ca: readFileSync(parsed.certPath) }) };
}

/**
 * Serves the harness until its channel closes: `upload` sends so many bytes and resolves when the other side said that
 * it has them all; the answer to the harness is the seconds that took, or the error's message.
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
