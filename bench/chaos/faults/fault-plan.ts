import { createRandom } from "../../stage/seeded-random.ts";

/** A fault strikes the service, or something that the service depends on. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** All kinds of faults. */
export const FAULT_KINDS = [
  /** SIGKILL of one replica, which is started again after the fault's duration. */
  "replica killed",
  /** SIGTERM of each replica, one after the other; the next one is stopped when the last one is ready again. */
  "rolling restart",
  /** SIGSTOP of one replica, and SIGCONT. */
  "replica paused",
  /** The connections of callers to one replica are reset. */
  "callers cut",
  /** PostgreSQL ends as in a crash, and is started again after the fault's duration. */
  "database killed",
  /** PostgreSQL is shut down and started again. */
  "database restarted",
  /** The connections to PostgreSQL are reset. */
  "database cut",
  /** Each piece of bytes to and from PostgreSQL is late. */
  "database slow",
  /** The read replica of the database stands still. */
  "read replica behind",
  /** S3's port resets every connection. */
  "storage away",
  /** S3 answers a share of the requests with 503. */
  "storage brown-out",
  /** The connections to S3 are reset. */
  "storage cut",
  /** The line to S3 is slow. */
  "storage slow",
] as const;

/** One fault of a plan. */
export interface Fault {
  readonly kind: FaultKind;
  /** When it begins, from the start of the plan, in milliseconds. */
  readonly atMs: number;
  /** How long it lasts, in milliseconds: what is stopped is started again then, and needs its time to be ready. */
  readonly durationMs: number;
  /** The replica that it hits, from 0, where it hits one. */
  readonly replica: number;
  /** The share of requests that are refused in a brown-out. */
  readonly share: number;
}

/** Plans by name: which faults they have. */
export const PLANS = {
  all: FAULT_KINDS,
  replicas: FAULT_KINDS.filter((kind) => /^(replica|rolling|callers)/.test(kind)),
  database: FAULT_KINDS.filter((kind) => /database|read replica/.test(kind)),
  storage: FAULT_KINDS.filter((kind) => /storage/.test(kind)),
} satisfies Record<string, readonly FaultKind[]>;

/** The bounds of a plan. */
export interface PlanOptions {
  readonly seed: number;
  readonly plan: keyof typeof PLANS;
  readonly durationMs: number;
  readonly replicas: number;
  /** The longest fault, in milliseconds. */
  readonly faultMaxMs: number;
}

/** This share of the faults begins while the one before lasts. */
const OVERLAPPING_SHARE = 0.25;

/**
 * The faults that follow from the seed. Every kind comes before one comes again. Most faults begin some time after the end of the one
 * before, so that the service recovers; the last one ends before the plan does.
 */
export function planFaults({ seed, plan, durationMs, replicas, faultMaxMs }: PlanOptions): Fault[] {
  const random = createRandom(seed);
  const faults: Fault[] = [];
  let bag: FaultKind[] = [];
  for (let atMs = Math.round(faultMaxMs * random()); ; ) {
    if (bag.length === 0) bag = [...PLANS[plan]];
    const [kind] = bag.splice(Math.floor(random() * bag.length), 1) as [FaultKind];
    const fault = {
      kind,
      atMs,
      durationMs: Math.round(faultMaxMs * (0.2 + 0.8 * random())),
      replica: Math.floor(random() * replicas),
      share: 0.2 + 0.6 * random(),
    };
    if (fault.atMs + fault.durationMs > durationMs) return faults;
    faults.push(fault);
    const pauseMs = random() < OVERLAPPING_SHARE ? 0 : fault.durationMs + faultMaxMs * (0.5 + random());
    atMs += Math.round(pauseMs + fault.durationMs * random());
  }
}
