import { measureUpload } from "../figures/measure.ts";
import type { Contender, Stage } from "../stage/contender.ts";
import type { Checkout } from "./checkout.ts";
import type { Trial } from "./compare-checkouts.ts";

/**
 * CPU time per GiB through each of the contenders, which are all Sluice's own. A contender that this machine cannot run has
 * no figure.
 */
export function createUploadTrials(
  contenders: readonly Contender[],
  stageOf: (checkout: Checkout) => Stage,
  size: { sizeBytes: number; warmUpBytes: number },
): Trial[] {
  return contenders.map((contender) => async (checkout) => {
    const outcome = await measureUpload(contender, stageOf(checkout), size);
    if ("cpuSecondsPerGib" in outcome)
      return [{ name: `CPU s per GiB, ${contender.title}`, value: outcome.cpuSecondsPerGib }];
    if (outcome.failed) throw new Error(`${contender.id} of ${checkout.label}: ${outcome.reason}`);
    return [];
  });
}
