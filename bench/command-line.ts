/** sysexits.h: the command was used incorrectly. */
const EX_USAGE = 64;

/**
 * Runs a benchmark's program: parses the arguments and sets the exit status that `run` resolves with. It prints the usage
 * when the arguments ask for help, and also when they are wrong; the status is then 64.
 */
export async function runCommand<Options extends object>(command: {
  usage: string;
  /** Throws an `Error` with a sentence for the caller when an argument is wrong. */
  parse: (args: string[]) => Options | "help";
  run: (options: Options) => Promise<number>;
}): Promise<void> {
  let options: Options | "help";
  try {
    options = command.parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${command.usage}`);
    process.exitCode = EX_USAGE;
    return;
  }
  if (options === "help") process.stdout.write(command.usage);
  else process.exitCode = await command.run(options);
}

/** Parses an option's number. Throws for any other text; the error names both bounds. */
export function parseNumber(option: string, text: string, [min, max]: [number, number]): number {
  const value = Number(text);
  if (text !== "" && value >= min && value <= max) return value;
  throw new Error(`--${option} is "${text}"; a number from ${min} to ${max} is needed`);
}

/** Parses an option's whole number. Throws for any other text; the error names both bounds. */
export function parseCount(option: string, text: string, [min, max]: [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${option} is "${text}"; a whole number from ${min} to ${max} is needed`);
}

/** Parses an option's list of names, which are separated by commas; undefined when there is none. Throws for an unknown name. */
export function parseNames(option: string, text: string | undefined, names: readonly string[]): string[] | undefined {
  const chosen = text?.split(",");
  const unknown = chosen?.find((name) => !names.includes(name));
  if (unknown === undefined) return chosen;
  throw new Error(`--${option} names "${unknown}"; there are ${names.join(", ")}`);
}
