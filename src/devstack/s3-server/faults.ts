import { z } from "zod";
import { OPERATIONS, type Operation } from "./protocol/operation.ts";

/** A fault: how a request goes wrong. */
export type Fault =
  /** The request is refused before any work, with this HTTP status and S3 error code. */
  | { readonly kind: "status"; readonly status: number; readonly code: string }
  /** The request is served as usual, this much later. */
  | { readonly kind: "latency"; readonly ms: number }
  /** The connection is destroyed once this many bytes of the body were read. */
  | { readonly kind: "cut-request"; readonly afterBytes: number }
  /** The work is done; the connection is destroyed in the middle of the answer. */
  | { readonly kind: "cut-response" }
  /** 200 with an `<Error>` document, as a slow Complete or Copy may answer; no work is done. */
  | { readonly kind: "error-in-200"; readonly code: string }
  /** The work is done; the connection is destroyed before a byte of the answer. */
  | { readonly kind: "lost-response" }
  /** The work is done; the answer states another ETag than the stored one. */
  | { readonly kind: "wrong-etag" }
  /** The work is done; the answer states no checksum, as of a server that does not know them. */
  | { readonly kind: "no-checksum" }
  /** The work is done; the answer states another CRC32 than that of the bytes. */
  | { readonly kind: "wrong-checksum" }
  /** Nothing is read until this resolves, then it is done as usual, whatever has come since. JSON cannot say this one. */
  | { readonly kind: "hold"; readonly released: Promise<void> }
  /** Nothing is read and nothing answered until somebody closes the connection. */
  | { readonly kind: "hang" };

/** A fault, the requests that it strikes, and how often. */
export interface FaultRule {
  readonly operation: Operation;
  readonly match?: { readonly key?: RegExp; readonly partNumber?: number };
  /** How many matching requests it strikes; 1 when left out. */
  readonly times?: number;
  readonly fault: Fault;
}

/** The faults still to come. The first rule that matches a request is used up by one; others wait. */
export class FaultPlan {
  #rules: { readonly rule: FaultRule; left: number }[] = [];

  add(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? 1 });
  }

  /** Forgets all faults that have not struck. */
  clear(): void {
    this.#rules = [];
  }

  /** How many strikes are left. */
  get pending(): number {
    return this.#rules.reduce((sum, { left }) => sum + left, 0);
  }

  /** The fault that strikes this request, if any. */
  take(operation: Operation, key: string, partNumber: number | undefined): Fault | undefined {
    const struck = this.#rules.find(({ rule, left }) => {
      if (left === 0 || rule.operation !== operation) return false;
      if (rule.match?.key !== undefined && key.search(rule.match.key) === -1) return false;
      return rule.match?.partNumber === undefined || rule.match.partNumber === partNumber;
    });
    if (struck === undefined) return undefined;
    struck.left -= 1;
    return struck.rule.fault;
  }
}

/**
 * Reads fault rules from JSON, with `match.key` as the source of a regular expression, for servers that are started as
 * processes of their own: `[{"operation":"UploadPart","times":2,"fault":{"kind":"status","status":503,"code":"SlowDown"}}]`.
 * @throws an error that names the place for what is no list of fault rules.
 */
export function parseFaultRules(json: string): FaultRule[] {
  return faultRulesSchema.parse(JSON.parse(json)) as FaultRule[];
}

const count = z.int().nonnegative();
const faultSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("status"), status: count, code: z.string() }),
  z.object({ kind: z.literal("latency"), ms: count }),
  z.object({ kind: z.literal("cut-request"), afterBytes: count }),
  z.object({ kind: z.literal("cut-response") }),
  z.object({ kind: z.literal("error-in-200"), code: z.string() }),
  z.object({ kind: z.literal("lost-response") }),
  z.object({ kind: z.literal("wrong-etag") }),
  z.object({ kind: z.literal("no-checksum") }),
  z.object({ kind: z.literal("wrong-checksum") }),
  z.object({ kind: z.literal("hang") }),
]);
const faultRulesSchema = z.array(
  z.object({
    operation: z.string().refine((name) => (OPERATIONS as readonly string[]).includes(name)),
    match: z
      .object({ key: z.string().transform((source) => new RegExp(source)), partNumber: count })
      .partial()
      .optional(),
    times: count.optional(),
    fault: faultSchema,
  }),
);
