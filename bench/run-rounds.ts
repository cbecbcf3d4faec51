import { report } from "./command-line.ts";

/**
 * Measures all contenders once a round, so that a slow minute of the machine hits them alike. A contender that answers with a sentence cannot
 * run here: it is left out from then on, and `skipped` has a line that says why.
 */
export async function runRounds<C extends { readonly id: string }, M>(
  contenders: readonly C[],
  count: number,
  measure: (contender: C) => Promise<M | string>,
): Promise<{ rounds: M[][]; skipped: string }> {
  const rounds: M[][] = [];
  const absent = new Map<string, string>();
  for (let round = 1; round <= count; round++) {
    const measured: M[] = [];
    for (const contender of contenders.filter(({ id }) => !absent.has(id))) {
      const found = await measure(contender);
      if (typeof found === "string") absent.set(contender.id, found);
      else measured.push(found);
      report(`round ${round}/${count}  ${contender.id}`);
    }
    rounds.push(measured);
  }
  return { rounds, skipped: [...absent].map(([id, reason]) => `skipped: ${id}: ${reason}\n`).join("") };
}
