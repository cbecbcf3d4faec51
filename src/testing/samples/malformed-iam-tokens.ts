import { type IAM_TOKEN_FIELDS, IAM_TOKEN_PREFIX } from "../../domain/access/iam-token.ts";
import { createSeededRandom } from "./seeded-random.ts";

const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=%&/+:@#?\u0000\n\r é";

/** Values that each field should not have, beside noise: each would lead the service's request elsewhere if it were believed. */
const ODD_VALUES: Readonly<Record<(typeof IAM_TOKEN_FIELDS)[number], readonly string[]>> = {
  key: ["", "AKIA", "akiaexampleanna00000", "ASIAEXAMPLE/20261130", "AROAEXAMPLEUPLOADER0", `ASIA${"A".repeat(125)}`],
  region: ["", "aws-global", "us-east-1.evil.example", "eu-central-1@evil.example", "localhost", "../", "eu-central-9"],
  date: ["", "20260230T000000Z", "20261330T000000Z", "20261130", "2026-11-30T00:00:00Z", "20261130T250000Z"],
  expires: ["", "0", "-1", "604801", "1e3", "900.5", "0900", "9999999"],
  signature: ["", "0".repeat(63), "0".repeat(65), "F".repeat(64), "g".repeat(64)],
  session: ["", "===", "a b", "a&Action=DeleteUser", "a%26", "a=b", "A".repeat(8193)],
};

/** Malformed IAM tokens of all kinds, made from a valid one with a session; the same for the same seed. */
export function createMalformedIamTokens(seed: number, valid: string): { next(): string } {
  const random = createSeededRandom(seed);
  const upTo = (bound: number) => Math.floor(random() * bound);
  const pick = <T>(items: readonly T[]): T => items[upTo(items.length)] as T;
  const noise = (length: number) => Array.from({ length }, () => pick([...CHARACTERS])).join("");
  const encoded = valid.slice(IAM_TOKEN_PREFIX.length);
  const fields = Buffer.from(encoded, "base64url").toString().split("&");
  const write = (pairs: readonly string[], separator = "&") =>
    `${IAM_TOKEN_PREFIX}${Buffer.from(pairs.join(separator)).toString("base64url")}`;
  const spoil = (pair: string, value: (own: string, name: (typeof IAM_TOKEN_FIELDS)[number]) => string) => {
    const [name, own] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    return `${name}=${value(own, name as (typeof IAM_TOKEN_FIELDS)[number])}`;
  };
  const spoilOne = (value: Parameters<typeof spoil>[1]) => {
    const at = upTo(fields.length);
    return write(fields.map((pair, i) => (i === at ? spoil(pair, value) : pair)));
  };
  const kinds: readonly (() => string)[] = [
    () => noise(upTo(200)).replace(/[.\s]/g, ""),
    () => `${IAM_TOKEN_PREFIX}${noise(upTo(300)).replace(/\s/g, "")}`,
    () => `${IAM_TOKEN_PREFIX}${encoded}${pick(["=", "==", ".", "+", "A", ".YQ"])}`,
    // A token that is cut within its last field may still be well-formed.
    () => valid.slice(0, upTo(write(fields.slice(0, -1)).length)),
    () => spoilOne((_, name) => pick(ODD_VALUES[name])),
    () => spoilOne((own) => `${own}${pick(["\n", " ", "\u0000", "%0a", ";", "\u00e9", "#"])}`),
    () => spoilOne((own) => `${pick(["\n", " ", "~", "%", "\t"])}${own}`),
    () => spoilOne(() => `${noise(1 + upTo(70))}!`),
    () => write(fields.filter((_, i) => i !== upTo(fields.length) || i === fields.length).slice(1)),
    () => write([...fields, pick(["x=y", "session=a", "key=b", "Action=DeleteUser", "&", "__proto__=a"])]),
    () => write([pick(fields), ...fields]),
    () => write(fields.toReversed()),
    () => write(fields, pick([";", "&&", " ", ",", "&amp;"])),
    () => write(fields.map((pair) => pair.replace("=", pick([":", "==", "", "%3d"])))),
    () => write(fields.map((pair) => pair.toUpperCase())),
  ];
  const next = (): string => {
    const token = pick(kinds)();
    return token === valid ? next() : token;
  };
  return { next };
}
