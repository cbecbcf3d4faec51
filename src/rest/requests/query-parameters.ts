import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { RestRefusal } from "./rest-refusal.ts";

/** Bounds of a URL. */
export const URL_LIMITS = {
  /** Characters of the URL as it was sent, path and query together. Percent-encoded paths and filters fit. */
  urlMaxChars: 24_576,
  /** Query parameters of a request. */
  parametersMax: 100,
} as const;

/**
 * Splits a URL as it was sent into its raw path and the names and values after the "?". They are decoded as forms are (UTF-8,
 * "+" is a space). Throws 414 URL_TOO_LONG, and `invalid_argument` for too many parameters and for text that is not
 * percent-encoded UTF-8.
 */
export function splitUrl(url: string): { path: string; query: (readonly [name: string, value: string])[] } {
  const { urlMaxChars, parametersMax } = URL_LIMITS;
  if (url.length > urlMaxChars) {
    throw new RestRefusal("URL_TOO_LONG", `the URL has ${url.length} characters; the limit is ${urlMaxChars}`, {
      details: { url_chars: url.length, url_chars_max: urlMaxChars },
    });
  }
  const at = url.indexOf("?");
  if (at < 0) return { path: url, query: [] };
  const pairs = url.slice(at + 1).split("&");
  if (pairs.length > parametersMax) {
    const message = `the URL has ${pairs.length} query parameters; the limit is ${parametersMax}`;
    throw new DomainError("invalid_argument", message, {
      reason: "ARGUMENT_INVALID",
      details: { parameters: pairs.length, parameters_max: parametersMax },
    });
  }
  return { path: url.slice(0, at), query: pairs.filter((pair) => pair !== "").map(toPair) };
}

function toPair(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  const name = at < 0 ? pair : pair.slice(0, at);
  return [decode(name, "a name"), at < 0 ? "" : decode(pair.slice(at + 1), name.slice(0, 100))];
}

function decode(text: string, field: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalidArgument(field, `${field} in the query is not percent-encoded UTF-8`);
  }
}
