import { type Context, TraceFlags } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import { KEPT, UNDECIDED } from "./call-spans.ts";

/** How traces are sampled: by one of OpenTelemetry's samplers, with a ratio from 0 to 1 where that takes one. */
export interface Sampling {
  sampler: `${"" | "parentbased_"}${"always_on" | "always_off" | "traceidratio"}`;
  ratio: number;
}

type AfterFirst<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never;

/** The sampler of the environment, which also records what is kept in any case and what comes of a recorded trace, and decides where a load balancer has not. */
export class KeepingSampler implements Sampler {
  readonly #root: Sampler;
  readonly #sampler: Sampler;

  constructor({ sampler, ratio }: Sampling) {
    this.#root = createRoot(sampler, ratio);
    this.#sampler = sampler.startsWith("parentbased_") ? new ParentBasedSampler({ root: this.#root }) : this.#root;
  }

  shouldSample(context: Context, ...rest: AfterFirst<Parameters<Sampler["shouldSample"]>>): SamplingResult {
    const [, , , , links] = rest;
    const isOfRecorded = links.some((link) => (link.context.traceFlags & TraceFlags.SAMPLED) !== 0);
    if (isOfRecorded || context.getValue(KEPT) === true) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    const sampler = context.getValue(UNDECIDED) === true ? this.#root : this.#sampler;
    return sampler.shouldSample(context, ...rest);
  }

  toString(): string {
    return `KeepingSampler{${this.#sampler}}`;
  }
}

function createRoot(sampler: Sampling["sampler"], ratio: number): Sampler {
  if (sampler.endsWith("always_on")) return new AlwaysOnSampler();
  return sampler.endsWith("always_off") ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio);
}
