/** sysexits.h: the command was used incorrectly. */
const EX_USAGE = 64;

/**
 * Runs a benchmark's program: parses the arguments, explains how to call it where they ask for that or are wrong (status 64), and
 * leaves the status that `run` resolves with.
 */
export async function runCommand<Options extends object>(command: {
  usage: string;
  /** `Error` with a sentence for the caller when an argument is wrong. */
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

/** The number that an option says; throws, naming both bounds, for any other text. */
export function parseNumber(option: string, text: string, [min, max]: [number, number]): number {
  const value = Number(text);
  if (text !== "" && value >= min && value <= max) return value;
  throw new Error(`--${option} is "${text}"; a number from ${min} to ${max} is needed`);
}

/** The whole number that an option says; throws, naming both bounds, for any other text. */
export function parseCount(option: string, text: string, [min, max]: [number, number]): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${option} is "${text}"; a whole number from ${min} to ${max} is needed`);
}

/** The names that an option lists, separated by commas, or undefined; throws for one that is not there. */
export function parseNames(option: string, text: string | undefined, names: readonly string[]): string[] | undefined {
  const chosen = text?.split(",");
  const unknown = chosen?.find((name) => !names.includes(name));
  if (unknown === undefined) return chosen;
  throw new Error(`--${option} names "${unknown}"; there are ${names.join(", ")}`);
}
