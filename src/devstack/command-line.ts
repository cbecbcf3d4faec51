import { parseArgs } from "node:util";

/** The options of a script of `npm`. */
export interface CommandLine<Name extends string> {
  /** How the script is called, and what it does. */
  usage: string;
  options: Readonly<Record<Name, { default: string; help: string }>>;
}

/**
 * The options of this process, each a string. `--help` prints them and ends the process well; an argument that is no option
 * ends it with 2 and a sentence. Two options need no library of commands.
 */
export function parseCommandLine<Name extends string>({ usage, options }: CommandLine<Name>): Record<Name, string> {
  const named = Object.entries(options) as [Name, { default: string; help: string }][];
  const texts = named.map(([name, option]) => [name, { type: "string", default: option.default }] as const);
  try {
    const help = { type: "boolean", short: "h", default: false } as const;
    const { values } = parseArgs({ options: { ...Object.fromEntries(texts), help } });
    if (values.help !== true) return values as unknown as Record<Name, string>;
  } catch (error) {
    console.error(`${(error as Error).message} (--help lists the options)`);
    process.exit(2);
  }
  const lines = named.map(
    ([name, option]) => `${`  --${name} <${name}>`.padEnd(28)}${option.help} (default: ${option.default})`,
  );
  console.log(`Usage: ${usage}\n\nOptions:\n${lines.join("\n")}\n  -h, --help`);
  process.exit(0);
}
