import { createSeededRandom } from "./seeded-random.ts";

const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=%é";

/** Values that no header or claim should have; some break parsers that trust what they parse. */
export const ODD_VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    -1,
    0,
    1e308,
    -1e308,
    2 ** 53,
    0.5,
    "",
    " ",
    "none",
    "HS256",
    "RS256",
    "ES256",
    "\u0000",
    "\ud800",
    "a".repeat(3000),
  ],
  ...[[], [[]], {}, { toString: "x" }, ["exp"], ["b64"], [null], "__proto__", "constructor", "../../keys"],
];
const HEADER_NAMES = ["alg", "kid", "typ", "cty", "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c", "__proto__"];
/** Claims that the service reads, and names that break objects. */
export const CLAIM_NAMES = ["iss", "aud", "exp", "nbf", "iat", "sub", "groups", "__proto__", "constructor", "jti"];

/** Malformed tokens of all kinds, made from a valid one; the same for the same seed. */
export function createMalformedTokens(seed: number, valid: string): { next(): string } {
  const random = createSeededRandom(seed);
  const upTo = (bound: number) => Math.floor(random() * bound);
  const pick = <T>(items: readonly T[]): T => items[upTo(items.length)] as T;
  const noise = (length: number) => Array.from({ length }, () => CHARACTERS[upTo(CHARACTERS.length)]).join("");
  const [header = "", payload = "", signature = ""] = valid.split(".");
  const spoil = (part: string, names: readonly string[]) => {
    const fields = JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
    for (let changes = 1 + upTo(3); changes > 0; changes--) {
      const name = pick(names);
      if (random() < 0.3) delete fields[name];
      else Object.defineProperty(fields, name, { value: pick(ODD_VALUES), enumerable: true, configurable: true });
    }
    return toPart(JSON.stringify(fields));
  };
  const kinds: readonly (() => string)[] = [
    () => noise(upTo(200)),
    () => valid.slice(0, upTo(valid.length)),
    () => `${valid}${noise(1 + upTo(20))}`,
    () => change(valid, upTo(valid.length), noise(1 + upTo(3))),
    () => `${spoil(header, HEADER_NAMES)}.${payload}.${signature}`,
    () => `${header}.${spoil(payload, CLAIM_NAMES)}.${signature}`,
    () => `${spoil(header, HEADER_NAMES)}.${spoil(payload, CLAIM_NAMES)}.${pick([signature, "", noise(86)])}`,
    () => `${header}.${payload}.${pick(["", noise(upTo(600)), signature.slice(1), `${signature}AA`])}`,
    () => `${toPart(pick(["null", "[]", "1", '"x"', "{", "{}", '{"alg":"none"}', "\u0000"]))}.${payload}.${signature}`,
    () => `${header}.${toPart(nested(1 + upTo(2000)))}.${signature}`,
    () => [header, payload, signature, pick([header, "", noise(9)]), pick(["", signature])].slice(0, upTo(6)).join("."),
    () => `${toPart(Buffer.from(noise(20), "latin1").toString("latin1"))}.${pick([header, payload])}.${noise(12)}`,
  ];
  const next = (): string => {
    const token = pick(kinds)();
    return token === valid ? next() : token;
  };
  return { next };
}

function change(text: string, at: number, by: string): string {
  return `${text.slice(0, at)}${by}${text.slice(at + by.length)}`;
}

function toPart(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function nested(depth: number): string {
  return `{"iss":${"[".repeat(depth)}${"]".repeat(depth)}}`;
}
