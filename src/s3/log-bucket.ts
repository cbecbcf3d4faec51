import type { LogReader } from "../domain/log/log-store.ts";
import { createS3Access } from "./create-access.ts";
import { createLogStore } from "./log-store.ts";

/** How a log is read by itself, without the settings of a service. */
const READING = {
  limits: {
    requestsMax: { body: 1, control: 32, read: 1, copy: 1, probe: 1 },
    connectTimeoutMs: 3000,
    socketTimeoutMs: 30_000,
    tlsMin: "TLSv1.3",
  },
  breaker: { failurePercentMax: 100, requestsMin: 1000, windowMs: 10_000, openMs: 1000 },
  body: {
    layout: { form: "trailer", chunkBytes: 0, corkBytes: 65_536 },
    retry: { triesMax: 5, baseDelayMs: 100, delayMaxMs: 5000, timeMaxMs: 60_000, random: Math.random },
    idleTimeoutMs: 10_000,
    answerTimeoutMs: 30_000,
  },
} as const;

/** Opens a log in a bucket for reading, with the credentials of the default chain. `close` ends the connections. */
export function openLogBucket({
  bucket,
  prefix,
  region,
  endpoint,
}: {
  bucket: string;
  prefix: string;
  region: string;
  endpoint: string | undefined;
}): { read: LogReader; close: () => void } {
  const { limits, breaker, body } = READING;
  const place = { region, endpoint, forcePathStyle: endpoint !== undefined };
  const { at, close } = createS3Access({
    s3: { ...place, limits, checksums: "stated", encryption: "bucket" },
    breaker,
    body,
  });
  const store = createLogStore(at(bucket), { bucket, prefix, lockMs: 0, now: () => new Date() });
  return { read: store.read, close };
}
