import { createHash } from "node:crypto";
import { Writable } from "node:stream";
import { createSluiceClient, type SluiceClient } from "../../src/client/client.ts";
import { SluiceError } from "../../src/client/sluice-error.ts";
import { createPayload } from "../stage/payload.ts";
import type { KillMoment, KillPlan, KillTarget, PlannedUpload, S3Step } from "./kill-plan.ts";
import { KILL_TOKEN, type KillRig } from "./kill-rig.ts";
import type { MortalService } from "./mortal-service.ts";
import { uploadInParts } from "./part-upload.ts";

/** The outcome of one upload that was under way at a kill. */
export interface UploadOutcome {
  readonly upload: PlannedUpload;
  readonly path: string;
  /** Content that reached S3 beyond the file's own size, in bytes. */
  readonly resentBytes: number;
  /** True if the upload was under way when the service died. */
  readonly wasHit: boolean;
  /** One sentence for everything that is wrong; none when all is well. */
  readonly problems: readonly string[];
}

/** The outcome of one kill. */
export interface TrialOutcome {
  readonly moment: KillMoment;
  readonly target: KillTarget;
  /** False when the victim ended before the planned moment. The kill then came at the end. */
  readonly wasAimed: boolean;
  readonly uploads: readonly UploadOutcome[];
}

/** The client tries again soon, because the outage is short. */
const RETRY = { triesMax: 200, timeMaxMs: 60_000, delayBaseMs: 30, delayMaxMs: 300 };
/** Every file is a stretch of these bytes. */
let content: Buffer | undefined;

/**
 * Runs one plan on a service that is up. The uploads begin together, the service is killed at the planned moment and started
 * again, and the clients resume by themselves. Then every file is compared with its source. The service is up again at the end.
 */
export async function runTrial(
  plan: KillPlan,
  place: { rig: KillRig; service: MortalService; name: string },
): Promise<TrialOutcome> {
  const { rig, service, name } = place;
  const runs = plan.uploads.map((upload, index) => new UploadRun(upload, `${name}/${index}`, service.url));
  const [victim] = runs as [UploadRun, ...UploadRun[]];
  const killed = Promise.withResolvers<boolean>();
  service.relay.observer = observe(plan.moment, { runs, victim, kill: () => killed.resolve(true) });
  const timer = plan.moment.kind === "time" ? setTimeout(() => killed.resolve(true), plan.moment.delayMs) : undefined;
  const sent = runs.map((run) => run.send());
  void sent[0]!.then(
    () => killed.resolve(false),
    () => killed.resolve(false),
  );
  const wasAimed = await killed.promise;
  clearTimeout(timer);
  const dead = service.kill(plan.target);
  for (const run of runs) run.noteKill();
  await dead;
  await service.restart();
  await Promise.all(sent);
  const uploads: UploadOutcome[] = [];
  for (const run of runs) uploads.push(await run.verify(rig));
  service.relay.observer = undefined;
  return { moment: plan.moment, target: plan.target, wasAimed, uploads };
}

/** Counts what the relay sees for each upload, and kills the service at the planned moment. */
function observe(moment: KillMoment, trial: { runs: readonly UploadRun[]; victim: UploadRun; kill: () => void }) {
  const { runs, victim, kill } = trial;
  const due = () => {
    if (moment.delayMs === 0) kill();
    else setTimeout(kill, moment.delayMs);
  };
  let isOver = false;
  const strike = (kind: KillMoment["kind"], step: S3Step, uploadId: string) => {
    if (isOver || moment.kind !== kind || !("step" in moment) || moment.step !== step || victim.id !== uploadId) {
      return false;
    }
    isOver = true;
    due();
    return moment.delayMs === 0;
  };
  return {
    onRequest: (step: S3Step, uploadId: string) => strike("request", step, uploadId),
    onAnswer: (step: S3Step, uploadId: string) => strike("answer", step, uploadId),
    onBytes(uploadId: string, lengthBytes: number) {
      const run = runs.find(({ id }) => id === uploadId);
      if (run === undefined) return;
      run.storedBytes += lengthBytes;
      if (isOver || moment.kind !== "bytes" || run !== victim) return;
      if (run.storedBytes < moment.fraction * run.upload.sizeBytes) return;
      isOver = true;
      due();
    },
  };
}

/** One upload by the TypeScript client or in parts, and what is known about it. */
class UploadRun {
  readonly upload: PlannedUpload;
  readonly path: string;
  readonly #url: string;
  readonly #client: SluiceClient;
  readonly #bytes: Buffer;
  id: string | undefined;
  storedBytes = 0;
  #isDone = false;
  #wasHit = false;
  readonly #problems: string[] = [];

  constructor(upload: PlannedUpload, path: string, url: string) {
    this.upload = upload;
    this.path = path;
    this.#url = url;
    this.#client = createSluiceClient({ url, token: KILL_TOKEN });
    content ??= createPayload();
    const start = Math.floor(upload.contentAt * (content.length - upload.sizeBytes));
    this.#bytes = content.subarray(start, start + upload.sizeBytes);
  }

  /** Resolves once the file is committed or the upload has failed for good. The failure is then among the problems. */
  async send(): Promise<void> {
    for (;;) {
      try {
        await this.#sendBy(this.upload.transport);
        break;
      } catch (error) {
        // A client that never had an answer gives up soon; its caller then asks again.
        if (this.id === undefined && error instanceof SluiceError && error.code === "unavailable") continue;
        this.#problems.push(`the upload failed: ${(error as Error).message}`);
        break;
      }
    }
    this.#isDone = true;
  }

  async #sendBy(transport: PlannedUpload["transport"]): Promise<void> {
    const onUploadId = (uploadId: string) => {
      this.id = uploadId;
    };
    if (transport !== "stream") {
      const { path } = this;
      await uploadInParts({ url: this.#url, token: KILL_TOKEN, bytes: this.#bytes, path, transport, onUploadId });
      return;
    }
    const source = this.upload.isSizeDeclared ? this.#bytes : this.#pieces();
    await this.#client.upload(source, this.path, { retry: RETRY, onUploadId });
  }

  noteKill(): void {
    this.#wasHit = !this.#isDone;
  }

  /** Compares the stored file with what was sent. */
  async verify(rig: KillRig): Promise<UploadOutcome> {
    const { upload, path } = this;
    const expected = createHash("sha256").update(this.#bytes).digest("hex");
    try {
      const hash = createHash("sha256");
      const sink = new Writable({
        write(bytes: Buffer, _encoding, done) {
          hash.update(bytes);
          done();
        },
      });
      await this.#client.download(path, sink);
      if (hash.digest("hex") !== expected) this.#problems.push("the bytes that come back are not those that were sent");
    } catch (error) {
      this.#problems.push(`the download failed: ${(error as Error).message}`);
    }
    this.#client.close();
    const files = await rig.query("SELECT generation FROM file WHERE path = $1", [path]);
    const generations = files.map(({ generation }) => String(generation));
    if (generations.join() !== "1")
      this.#problems.push(`the path has the generations ${generations.join(", ") || "none"}`);
    const resentBytes = Math.max(0, this.storedBytes - upload.sizeBytes);
    return { upload, path, resentBytes, wasHit: this.#wasHit, problems: this.#problems };
  }

  async *#pieces(): AsyncGenerator<Buffer> {
    const pieceBytes = 50_000;
    for (let at = 0; at < this.#bytes.length; at += pieceBytes) yield this.#bytes.subarray(at, at + pieceBytes);
  }
}
