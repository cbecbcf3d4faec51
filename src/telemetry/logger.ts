import { type Logger, type LoggerOptions, pino } from "pino";

/**
 * The service's log: JSON lines on standard output, errors with stack and cause. Tokens and signed URLs never reach it:
 * nobody logs headers or URLs whole, and the fields that might hold them are cut out here all the same.
 */
export function createLogger({
  level,
  instance,
  isSync = false,
}: {
  level: string;
  instance: string;
  /** Whether each line is written before the call returns; otherwise a reader of the log that is slow holds nobody up. */
  isSync?: boolean;
}): Logger {
  const options: LoggerOptions = {
    level,
    base: { instance },
    redact: { paths: ["authorization", "*.authorization", "token", "*.token", "url", "*.headers"], censor: "[cut]" },
    serializers: { error: pino.stdSerializers.err },
    errorKey: "error",
  };
  return isSync ? pino(options, pino.destination({ dest: 1, sync: true })) : pino(options);
}
