import { LiveAwsProblem, type LiveAwsProblemKind, type ReadOptions } from "../../../aws/live/comparison/live-facets.ts";
import type { PlainMap } from "../../../aws/live/comparison/plain.ts";
import type { PolicyAnalyzer, PolicyKind, PolicyRemark } from "../../../aws/live/reading/policy-analyzer.ts";

/** Access Analyzer in memory: it finds what was planted. Passes the same contract suite as the adapter. */
export class FakePolicyAnalyzer implements PolicyAnalyzer {
  /** What was asked, in order. */
  readonly asked: { readonly document: PlainMap; readonly kind: PolicyKind }[] = [];
  readonly #remarks = new Map<string, readonly PolicyRemark[]>();
  readonly #problems = new Map<string, LiveAwsProblem>();

  /** From now on, documents that have the text get these remarks. */
  remark(text: string, remarks: readonly PolicyRemark[]): void {
    this.#remarks.set(text, remarks);
  }

  /** From now on, validating documents that have the text fails so. */
  fail(text: string, kind: LiveAwsProblemKind): void {
    this.#problems.set(text, new LiveAwsProblem(kind, `planted: ${kind}`));
  }

  async validatePolicy(document: PlainMap, kind: PolicyKind, { signal }: ReadOptions): Promise<PolicyRemark[]> {
    await Promise.resolve();
    signal.throwIfAborted();
    this.asked.push({ document, kind });
    const json = JSON.stringify(document);
    for (const [text, problem] of this.#problems) if (json.includes(text)) throw problem;
    return [...this.#remarks].flatMap(([text, remarks]) => (json.includes(text) ? remarks : []));
  }
}
