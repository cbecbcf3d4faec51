import { createRandom } from "../stage/seeded-random.ts";

/** The steps of the service at S3 that a kill can be aimed at. */
export type S3Step = "create" | "part" | "complete" | "put";

/** The moment of the kill. It is counted by the progress of one of the uploads under way, the victim. */
export type KillMoment =
  /** The kill comes once this fraction of the victim's bytes has reached S3. */
  | { readonly kind: "bytes"; readonly fraction: number; readonly delayMs: number }
  /** The kill comes when the service asks S3 for this step. S3 never receives that request. */
  | { readonly kind: "request"; readonly step: S3Step; readonly delayMs: 0 }
  /** The kill comes when S3 has done this step. Without a delay the service never receives the answer. */
  | { readonly kind: "answer"; readonly step: S3Step; readonly delayMs: number }
  /** The kill comes this long after the victim began, whatever the victim does then. */
  | { readonly kind: "time"; readonly delayMs: number };

/** One upload that a kill hits. */
export interface PlannedUpload {
  readonly sizeBytes: number;
  readonly sizeClass: "under one part" | "few parts" | "many parts";
  /** The way of the upload's bytes: by WriteUpload, by WritePart, or by presigned URLs. The last two need a declared size. */
  readonly transport: "stream" | "parts" | "urls";
  /** Whether the service is told the size beforehand. */
  readonly isSizeDeclared: boolean;
  /** Where in the pool of random bytes the content begins, from 0 to 1. */
  readonly contentAt: number;
}

/** The processes that are killed when the service has several workers: all of them, or the one worker at `pick` (from 0 to 1). */
export interface KillTarget {
  readonly kind: "tree" | "worker";
  readonly pick: number;
}

/** One kill: its moment, its target, and the uploads under way. The victim is the first upload. */
export interface KillPlan {
  readonly moment: KillMoment;
  readonly target: KillTarget;
  readonly uploads: readonly [PlannedUpload, ...PlannedUpload[]];
}

/** Bounds of the sizes of a plan. */
export interface PlanLimits {
  readonly partSizeBytes: number;
  /** Most parts that an upload may have. */
  readonly partsMax: number;
  /** Uploads that are under way at one kill. */
  readonly uploadsPerKill: number;
}

const FEW_PARTS_MAX = 6;

/** The plan of kill number `index` under `seed`. It is the same on every machine and does not depend on the other kills. */
export function planKill(seed: number, index: number, limits: PlanLimits): KillPlan {
  const random = createRandom(Math.imul(seed, 0x9e3779b1) + index);
  const victim = planUpload(random, limits);
  const others = Array.from({ length: limits.uploadsPerKill - 1 }, () => planUpload(random, limits));
  const moment = planMoment(random, victim, limits);
  const target = { kind: random() < 0.5 ? "worker" : "tree", pick: random() } as const;
  return { moment, target, uploads: [victim, ...others] };
}

function planUpload(random: () => number, { partSizeBytes, partsMax }: PlanLimits): PlannedUpload {
  const few = Math.min(FEW_PARTS_MAX, partsMax);
  const kind = random();
  const size = random();
  const [sizeClass, parts] =
    kind < 0.2
      ? (["under one part", size] as const)
      : kind < 0.5
        ? (["few parts", 1 + size * (few - 1)] as const)
        : (["many parts", few + size * (partsMax - few)] as const);
  const sizeBytes = 1 + Math.floor(parts * partSizeBytes);
  const isSizeDeclared = random() < 0.75;
  const contentAt = random();
  const way = random();
  const isInParts = isSizeDeclared && sizeBytes > partSizeBytes && way < 0.5;
  const transport = isInParts ? (way < 0.25 ? "parts" : "urls") : "stream";
  return { sizeClass, sizeBytes, isSizeDeclared, contentAt, transport };
}

/**
 * Two thirds of the moments are anywhere between the bytes. One third is in the few milliseconds of a commit, which chance
 * would seldom hit.
 */
function planMoment(random: () => number, victim: PlannedUpload, { partSizeBytes }: PlanLimits): KillMoment {
  const kind = random();
  const place = random();
  const delayMs = Math.floor(random() * 20);
  if (kind < 0.1) return { kind: "time", delayMs: Math.floor(place * 100) };
  if (kind < 0.55) return { kind: "bytes", fraction: place, delayMs: delayMs >> 2 };
  const isOnePut = victim.sizeBytes <= partSizeBytes;
  const step = isOnePut ? "put" : place < 0.15 ? "create" : place < 0.4 ? "part" : "complete";
  if (kind < 0.7) return { kind: "request", step, delayMs: 0 };
  return { kind: "answer", step, delayMs: kind < 0.85 ? 0 : delayMs };
}
