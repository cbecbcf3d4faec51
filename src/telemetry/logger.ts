import { type Logger, pino } from "pino";

/**
 * The service's log: JSON lines on standard output, errors with stack and cause. Tokens and signed URLs never reach it:
 * nobody logs headers or URLs whole, and the fields that might hold them are cut out here all the same.
 */
export function createLogger(options: { level: string; instance: string }): Logger {
  return pino({
    level: options.level,
    base: { instance: options.instance },
    redact: { paths: ["authorization", "*.authorization", "token", "*.token", "url", "*.headers"], censor: "[cut]" },
    serializers: { error: pino.stdSerializers.err },
    errorKey: "error",
  });
}
