import { readFileSync } from "node:fs";
import { z } from "zod";
import { findIamMemberProblem, IAM_ALIAS } from "../domain/access/iam-principal.ts";
import { parseCertificates } from "./pem-certificates.ts";

/** Longest wait of Node's timers, some 24 days: they take a longer one for 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The things that numbers of the environment count. */
type Unit =
  | "bytes"
  | "milliseconds"
  | "seconds"
  | "days"
  | "workers"
  | "streams"
  | "uploads"
  | "connections"
  | "proxies";

/** An origin of pages that an app carries with itself: "capacitor://localhost". */
const APP_ORIGIN = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(?::\d{1,5})?$/;

const FACTORS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/**
 * A whole number within bounds, written in digits. Bytes may have a unit that docs/configuration.md uses: "512MiB", "1.5 GiB".
 * The error quotes the refused text and tells what would be right: "1e3", "60s" and "512MB" are not clear enough.
 */
export function wholeNumber(unit: Unit, { min, ...bound }: { min: number; max?: number }) {
  const max = bound.max ?? (unit === "milliseconds" ? TIMER_MAX_MS : Number.MAX_SAFE_INTEGER);
  const bounds = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
  const form =
    unit === "bytes" ? `${bounds}, or a size like 512MiB (KiB, MiB, GiB, TiB)` : `in digits alone, ${bounds}`;
  return z.string().transform((text, context): number => {
    const value = unit === "bytes" ? toBytes(text) : toDigits(text);
    if (value !== undefined && value >= min && value <= max) return value;
    context.addIssue(`is "${text}"; it must be a whole number of ${unit}, ${form}`);
    return z.NEVER;
  });
}

/** The URL of a PostgreSQL database. The error does not quote the refused text, because a password is in it. */
export function databaseUrl(missing?: string) {
  return z
    .string(missing)
    .regex(/^postgres(ql)?:\/\//, "must begin with postgres://")
    .refine((url) => URL.canParse(url), "must be a URL: write special characters of user and password percent-encoded");
}

/** The content of a PEM file of certificates. The error says what is wrong with the file. */
export function certificatesFile() {
  return z.string().transform((path, context): string => {
    try {
      const pem = readFileSync(path, "utf8");
      parseCertificates(pem);
      return pem;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const wrong = code === undefined ? message : `cannot be read (${code})`;
      context.addIssue(`is ${path}, which ${wrong}; name a PEM file that this user may read`);
      return z.NEVER;
    }
  });
}

const AUTH_WAYS = ["oidc", "iam", "dev"] as const;

/** The ways to authenticate, separated by commas. The error says which there are. */
export function authWays(missing: string) {
  return z.string(missing).transform((text, context): (typeof AUTH_WAYS)[number][] => {
    const said = new Set(text.split(",").map((way) => way.trim()));
    for (const way of said) {
      if (AUTH_WAYS.includes(way as never)) continue;
      context.addIssue(
        `names "${way}", which is no way to authenticate; write ${AUTH_WAYS.join(", ")}, or several of them`,
      );
    }
    return [...said] as (typeof AUTH_WAYS)[number][];
  });
}

/** Origins as browsers send them, separated by commas; "*" for all. The error quotes the text and says what is right. */
export function origins() {
  return z.string().transform((text, context): string[] => {
    const said = text.split(",").map((origin) => origin.trim());
    const wanted = said.filter((origin) => origin !== "");
    for (const origin of wanted) {
      const right = toOrigin(origin);
      if (right === origin) continue;
      const advice =
        right === undefined ? 'write scheme, host and port, such as "https://app.example.com"' : `write "${right}"`;
      context.addIssue(`names "${origin}", which is no origin: ${advice}, or "*" for all`);
    }
    return wanted;
  });
}

/** Accounts of AWS, separated by commas. The error quotes what is none. */
export function awsAccounts() {
  return z.string().transform((text, context): string[] => {
    const accounts = text.split(",").map((account) => account.trim());
    for (const account of accounts) {
      if (!/^\d{12}$/.test(account)) context.addIssue(`names "${account}"; an account of AWS has 12 digits`);
    }
    return accounts;
  });
}

/** Principals and groups, separated by commas, each with the alias of its issuer. */
export function members() {
  return z.string().transform((text, context): string[] => {
    const wanted = text.split(",").map((member) => member.trim());
    for (const member of wanted) {
      const iamProblem = member.startsWith(IAM_ALIAS) && findIamMemberProblem(member, { mayEndInStar: false });
      if (iamProblem) context.addIssue(`names "${member}", which ${iamProblem}`);
      if (/^[a-z0-9-]{1,32}:\S/.test(member)) continue;
      context.addIssue(`names "${member}"; write the alias of an issuer before each: "github:repo:acme/ops"`);
    }
    return wanted;
  });
}

/** The origin that a browser would send for the intended URL; undefined when the text is no URL of that kind. */
function toOrigin(text: string): string | undefined {
  if (text === "*" || APP_ORIGIN.test(text)) return text;
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  return url?.origin;
}

/**
 * The value of a variable as it was meant: without spaces around it, and without the quotes that `docker run --env-file` and
 * systemd leave on it. Undefined when nothing is left: deployment templates leave unset variables empty.
 */
export function toSetValue(value: string | undefined): string | undefined {
  const text = value?.trim() ?? "";
  const unquoted = /^(["'])(.*)\1$/s.exec(text)?.[2]?.trim() ?? text;
  return unquoted === "" ? undefined : unquoted;
}

function toDigits(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

function toBytes(text: string): number | undefined {
  const [, number, unit = ""] = /^(\d{1,16}(?:\.\d{1,6})?) ?([KMGT]iB)$/.exec(text) ?? [];
  if (number === undefined) return toDigits(text);
  const bytes = Number(number) * (FACTORS[unit] ?? Number.NaN);
  return Number.isInteger(bytes) ? bytes : undefined;
}

/** The host and port of "host:port", without the brackets of IPv6. */
export function toAddress(text: string): { host: string; port: number } {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(text) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
