import { DomainError } from "../errors.ts";
import type { OperationError } from "./operation.ts";

/** What the texts of a request are called once nobody may read them any more. */
const NAMES: Readonly<Record<string, string>> = { path: "the source", targetPath: "the target", filter: "the filter" };

/**
 * Why an operation has failed, as it is kept after its end: in the place of each text of its request, which may name a person, the message
 * has a name for it. Whoever has started the operation knows what that stands for.
 */
export function toOperationError(error: unknown, request: object): OperationError {
  if (!(error instanceof DomainError))
    return { code: "internal", reason: "INTERNAL", message: "internal error; the log of the service says more" };
  const texts = listTexts(request).sort(([, a], [, b]) => b.length - a.length);
  const message = texts.reduce((told, [name, text]) => replaceWhole(told, text, NAMES[name] ?? "…"), error.message);
  return { code: error.code, reason: error.reason, message };
}

/** All texts of a value, each with the name of the field that holds it; the names of labels and metadata are texts themselves. */
function listTexts(value: unknown, name = ""): [name: string, text: string][] {
  if (typeof value === "string") return value === "" ? [] : [[name, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): [string, string][] => [
    ...(name === "labels" || name === "metadata" ? listTexts(key) : []),
    ...listTexts(inner, key),
  ]);
}

/** Replaces a text where it stands by itself: the path "a" is not in every word. */
function replaceWhole(message: string, text: string, by: string): string {
  const escaped = text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return message.replaceAll(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "gu"), () => by);
}
