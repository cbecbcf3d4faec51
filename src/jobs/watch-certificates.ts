import type { JobLog } from "./repeat.ts";
import { type RepeatedJob, repeat } from "./repeat.ts";

/** The certificate of the port, the key, and the authority of the callers' certificates, all in PEM. */
export interface Certificates {
  cert: string;
  key: string;
  clientCa: string | undefined;
  /** When the certificate ends. */
  expiresAt: Date;
}

/** What the watch works with. */
export interface CertificateDeps<T extends Certificates> {
  /** Reads the files; rejects with an error whose message says why they cannot be used. */
  read: () => Promise<T>;
  /** Serves new connections by these; throws when they cannot be used, and then nothing has changed. */
  use: (files: T) => void;
  /** Hears after every check what is wrong, or undefined. The same text comes again while the problem lasts. */
  report: (problem: string | undefined) => void;
  log: JobLog;
  now: () => Date;
}

/**
 * How often the files are read, in milliseconds. What two checks in a row have found is used: new handshakes then have the new
 * certificate well within a second of the change.
 */
const CHECK_EVERY_MS = 100;
/** An end of the certificate within this is reported, in milliseconds. Who renews in time does so weeks before. */
const EXPIRY_NOTICE_MS = 7 * 24 * 3_600_000;

/**
 * Follows the TLS files. Each check reads them whole. Kubernetes swaps a link above mounted files, which file system events and
 * times of change do not show reliably; a few KB that the system has in memory cost some 0.1 ms. Files that change are used once
 * two checks in a row have found the same: a renewal writes one file after the other, and each bit by bit. Files that cannot be
 * used are reported and logged once, and the service keeps what it has.
 */
export class CertificateWatch<T extends Certificates> {
  readonly #deps: CertificateDeps<T>;
  #used: T;
  /** What the last check has found. */
  #seen: string;
  /** What is wrong with the files that were found twice in a row; undefined when they are in use. */
  #problem: string | undefined;

  /** `used` are the files that are in use already. */
  constructor(used: T, deps: CertificateDeps<T>) {
    this.#deps = deps;
    this.#used = used;
    this.#seen = toContent(used);
    this.#report();
  }

  /** Until the certificate that is in use ends, in milliseconds. */
  get restMs(): number {
    return this.#used.expiresAt.getTime() - this.#deps.now().getTime();
  }

  /** Checks the files again and again until stopped. `random` is uniform in [0, 1). */
  start({ random }: { random: () => number }): RepeatedJob {
    return repeat(() => this.check(), { everyMs: CHECK_EVERY_MS, random });
  }

  /** Reads the files, and uses them when the check before has found the same. Never rejects. */
  async check(): Promise<void> {
    const found = await this.#read();
    const isSettled = found.content === this.#seen;
    this.#seen = found.content;
    if (isSettled) this.#take(found);
    this.#report();
  }

  /** Reads the files and uses them at once: whoever asks for it says that they are written. Never rejects. */
  async reload(): Promise<void> {
    const found = await this.#read();
    this.#seen = found.content;
    this.#take(found);
    this.#report();
  }

  async #read(): Promise<Found<T>> {
    try {
      const files = await this.#deps.read();
      return { files, content: toContent(files) };
    } catch (error) {
      const { message } = error as Error;
      return { problem: message, content: message };
    }
  }

  #take(found: Found<T>): void {
    const problem = "problem" in found ? found.problem : this.#use(found.files);
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log } = this.#deps;
    if (problem === undefined) log.info({ expiresAt: this.#used.expiresAt }, "the TLS files can be used again");
    else log.warn({ problem }, "the TLS files cannot be used; those from before stay in use");
  }

  /** Returns why the files cannot be used. */
  #use(files: T): string | undefined {
    if (toContent(files) === toContent(this.#used)) return undefined;
    try {
      this.#deps.use(files);
    } catch (error) {
      return (error as Error).message;
    }
    const isOtherCa = files.clientCa !== this.#used.clientCa;
    this.#used = files;
    this.#deps.log.info({ expiresAt: files.expiresAt, isOtherCa }, "new connections have the new TLS files");
    return undefined;
  }

  #report(): void {
    if (this.#problem !== undefined) {
      this.#deps.report("the new TLS files cannot be used, and those from before stay in use; the log says why");
      return;
    }
    const { restMs } = this;
    const { expiresAt } = this.#used;
    if (restMs >= EXPIRY_NOTICE_MS) this.#deps.report(undefined);
    else
      this.#deps.report(
        `the certificate ${restMs > 0 ? "ends" : "ended"} at ${expiresAt.toISOString()}; renew its files`,
      );
  }
}

type Found<T> = { content: string } & ({ files: T } | { problem: string });

function toContent({ cert, key, clientCa }: Certificates): string {
  return JSON.stringify([cert, key, clientCa]);
}
