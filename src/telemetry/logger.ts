import { trace } from "@opentelemetry/api";
import { type Logger, type LoggerOptions, pino } from "pino";
import { recordLine } from "./log-records.ts";
import { currentCall } from "./observed-call.ts";

/**
 * The service's log: JSON lines on standard output, errors with stack and cause, and the trace of the call, or of
 * what else is done, that a line belongs to. On a terminal the lines are for people. OpenTelemetry gets the same lines once it is started. Tokens and signed URLs never reach it:
 * nobody logs headers or URLs whole, and the fields that might hold them are cut out here all the same.
 */
export async function createLogger({
  level,
  instance,
  isSync = false,
  isTerminal = process.stdout.isTTY,
}: {
  level: string;
  instance: string;
  /** Whether each line is written before the call returns; otherwise a reader of the log that is slow holds nobody up. */
  isSync?: boolean;
  isTerminal?: boolean;
}): Promise<Logger> {
  const options: LoggerOptions = {
    level,
    base: { instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: () => {
      const { traceId, spanId } = currentCall() ?? trace.getActiveSpan()?.spanContext() ?? {};
      return traceId === undefined ? {} : { traceId, spanId };
    },
    hooks: {
      streamWrite: (line) => {
        recordLine(line);
        return line;
      },
    },
    redact: { paths: ["authorization", "*.authorization", "token", "*.token", "url", "*.headers"], censor: "[cut]" },
    serializers: { error: pino.stdSerializers.err },
    errorKey: "error",
  };
  if (isTerminal) {
    const { default: pretty } = await import("pino-pretty");
    const hidden = "pid,hostname,instance";
    return pino(options, pretty({ sync: isSync, singleLine: true, ignore: hidden, translateTime: "SYS:HH:MM:ss.l" }));
  }
  return isSync ? pino(options, pino.destination({ dest: 1, sync: true })) : pino(options);
}
