import { parseArgs } from "node:util";

/** sysexits.h: the command was used incorrectly. */
const EX_USAGE = 64;

/** An option of a benchmark's program: how `--help` shows it, and the value that its text stands for. */
export interface Option<T> {
  /** What stands for the value in the usage, such as "N"; a flag has none. */
  readonly value?: string;
  readonly help: string;
  /** The text that counts when the option is not given. */
  readonly fallback?: string | undefined;
  /** Throws an `Error` with a sentence for the caller when the text is wrong. The text is undefined without option and fallback. */
  parse(option: string, text: string | undefined): T;
}

type Bounds = readonly [min: number, max: number];
// biome-ignore lint/suspicious/noExplicitAny: each option of a table has a type of its own
type Options = Readonly<Record<string, Option<any>>>;
/** The values of a table of options, by name, and whether one JSON document is wanted. */
export type Values<O extends Options> = { readonly [K in keyof O]: ReturnType<O[K]["parse"]> } & { json: boolean };

/** A number within bounds, both of which the error of any other text names. */
export function number(help: string, fallback: number, [min, max]: Bounds): Option<number> {
  return {
    ...{ value: "N", help, fallback: String(fallback) },
    parse(option, text = "") {
      const parsed = Number(text);
      if (text !== "" && parsed >= min && parsed <= max) return parsed;
      throw new Error(`--${option} is "${text}"; a number from ${min} to ${max} is needed`);
    },
  };
}

/** A whole number within bounds, both of which the error of any other text names. */
export function count(help: string, fallback: number, [min, max]: Bounds): Option<number> {
  return {
    ...{ value: "N", help, fallback: String(fallback) },
    parse(option, text) {
      const parsed = Number(text);
      if (Number.isInteger(parsed) && parsed >= min && parsed <= max) return parsed;
      throw new Error(`--${option} is "${text}"; a whole number from ${min} to ${max} is needed`);
    },
  };
}

/** The same option without a fallback: its value is undefined where it is not given. */
export function optional<T>({ fallback: _, ...option }: Option<T>): Option<T | undefined> {
  return { ...option, parse: (name, text) => (text === undefined ? undefined : option.parse(name, text)) };
}

/** A list of one option's values, separated by commas. */
export function list<T>({ value, ...option }: Option<T>): Option<T[]> {
  return {
    ...{ ...option, value: `${value},${value}` },
    parse: (name, text = "") => text.split(",").map((one) => option.parse(name, one)),
  };
}

/** One of some names. */
export function name<const T extends string>(help: string, names: readonly T[]): Option<T> {
  return {
    ...{ value: "NAME", help: `${help}: ${names.join(", ")}`, fallback: names[0] },
    parse(option, text = "") {
      const found = names.find((one) => one === text);
      if (found === undefined) throw new Error(`--${option} names "${text}"; there are ${names.join(", ")}`);
      return found;
    },
  };
}

/** Any text, such as a folder. */
export function text(value: string, help: string): Option<string | undefined> {
  return { value, help, parse: (_, given) => given };
}

/** True where the option is given. */
export function flag(help: string): Option<boolean> {
  return { help, parse: (_, given) => given !== undefined };
}

/** `--only a,b`: some of what a benchmark measures; undefined for all of it. */
export function only(ids: readonly string[]): Option<string[] | undefined> {
  return optional(list({ ...name("run these alone", ids), value: "a" }));
}

/** A benchmark's program. */
export interface Command<O extends Options> {
  /** Its script in package.json. */
  readonly script: string;
  /** The options, by the names of their values: `keptDays` is `--kept-days`. Each command has `--json` and `--help` as well. */
  readonly options: O;
  /** Throws an `Error` with a sentence for the caller when options do not go together. */
  readonly check?: (values: Values<O>) => void;
  /** Resolves with the exit status. */
  readonly run: (values: Values<O>) => Promise<number>;
}

/**
 * Runs a benchmark's program: parses the arguments and sets the exit status that `run` resolves with. It prints the usage
 * when the arguments ask for help, and also when they are wrong; the status is then 64.
 */
export async function runCommand<O extends Options>(command: Command<O>): Promise<void> {
  let values: Values<O> | "help";
  try {
    values = parseOptions(command, process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${showUsage(command)}`);
    process.exitCode = EX_USAGE;
    return;
  }
  if (values === "help") process.stdout.write(showUsage(command));
  else process.exitCode = await command.run(values);
}

/** Parses the arguments. Throws an `Error` whose message says what is wrong and what would be right. */
export function parseOptions<O extends Options>(
  { options, check }: Pick<Command<O>, "options" | "check">,
  args: string[],
): Values<O> | "help" {
  const own = Object.entries(options);
  const given = parseArgs({
    args,
    options: {
      ...Object.fromEntries(
        own.map(([key, { value }]) => [toName(key), { type: value ? "string" : "boolean" } as const]),
      ),
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  }).values as Record<string, string | boolean | undefined>;
  if (given.help) return "help";
  const parsed = own.map(([key, option]) => {
    const text = given[toName(key)] ?? option.fallback;
    return [key, option.parse(toName(key), text === undefined ? undefined : String(text))];
  });
  const values = { ...Object.fromEntries(parsed), json: given.json === true } as Values<O>;
  check?.(values);
  return values;
}

function showUsage({ script, options }: Pick<Command<Options>, "script" | "options">): string {
  const shown = Object.entries({ ...options, json: flag("print one JSON document instead of the tables") });
  const lines = shown.map(([key, { value, help, fallback }]) => [
    `--${toName(key)}${value === undefined ? "" : ` ${value}`}`,
    `${help}${fallback === undefined ? "" : ` (default ${fallback})`}`,
  ]) as [string, string][];
  const width = Math.max(...lines.map(([left]) => left.length));
  return `usage: npm run ${script} -- [options]\n\n${lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("")}`;
}

function toName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Says on the standard error stream how far a benchmark has come. */
export function report(what: string): void {
  process.stderr.write(`${what}\n`);
}
