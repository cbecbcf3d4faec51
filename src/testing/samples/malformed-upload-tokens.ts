import { createSeededRandom } from "./seeded-random.ts";

/** Malformed upload tokens of all kinds, made from a valid one; the same for the same seed. */
export function createMalformedUploadTokens(seed: number, valid: string): () => string {
  const random = createSeededRandom(seed);
  const upTo = (bound: number) => Math.floor(random() * bound);
  const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/";
  const noise = (length: number) => Array.from({ length }, () => characters[upTo(characters.length)]).join("");
  const [name, version, text = "", code = ""] = valid.split(".");
  const at = (token: string, index: number, by: string) =>
    `${token.slice(0, index)}${by}${token.slice(index + by.length)}`;
  const json = ["null", "[]", "{}", '{"iss":null}', '{"__proto__":1}', `{"iss":${"[".repeat(500)}`, "\u0000"];
  const kinds: readonly (() => string)[] = [
    () => `${name}.${noise(1 + upTo(200))}`,
    () => valid.slice(0, "sluice-upload.".length + 1 + upTo(valid.length - "sluice-upload.".length - 1)),
    () => `${valid}${noise(1 + upTo(20))}`,
    () => at(valid, "sluice-upload.".length + upTo(valid.length - "sluice-upload.".length), noise(1 + upTo(3))),
    () => `${name}.${version}.${text}.${noise(43)}`,
    () => `${name}.${version}.${noise(1 + upTo(300))}.${code}`,
    () => `${name}.${version}.${Buffer.from(json[upTo(json.length)] ?? "").toString("base64url")}.${code}`,
    () => [name, version, text, code, noise(3), ""].slice(0, 1 + upTo(6)).join("."),
    () => `${name}.${version}.${text}.${at(code, 42, noise(1))}`,
    () => `${name}.${noise(2)}.${text}.${code}`,
  ];
  const next = (): string => {
    const token = (kinds[upTo(kinds.length)] as () => string)();
    return token === valid || /\s/.test(token) || token === name ? next() : token;
  };
  return next;
}
