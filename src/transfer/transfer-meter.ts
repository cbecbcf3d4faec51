import { recordMetric } from "../telemetry/metrics.ts";

/** How far a writer is, in bytes; neither number ever sinks. */
export interface MeteredBytes {
  takenBytes: number;
  durableBytes: number;
}

/** Counts the bytes of one writer for the metrics while it writes, each byte once. Whoever has it notes by the clock how far the writer is. */
export class TransferMeter {
  readonly #labels: { "sluice.namespace": string };
  #counted: MeteredBytes;

  /** `begun`: what is not this writer's. */
  constructor(namespace: string, begun: MeteredBytes) {
    this.#labels = { "sluice.namespace": namespace };
    this.#counted = begun;
  }

  note(reached: MeteredBytes): void {
    const receivedBytes = reached.takenBytes - this.#counted.takenBytes;
    const durableBytes = reached.durableBytes - this.#counted.durableBytes;
    if (receivedBytes > 0) recordMetric("sluice.upload.received", receivedBytes, this.#labels);
    if (durableBytes > 0) recordMetric("sluice.upload.durable", durableBytes, this.#labels);
    this.#counted = reached;
  }
}
