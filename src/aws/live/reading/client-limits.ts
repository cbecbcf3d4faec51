/** Tries of one request, including the first. Between them the SDK waits, at most 20 s. */
const TRIES_MAX = 3;
const CONNECT_TIMEOUT_MS = 5_000;
/** Time from the first byte sent to the last received, in milliseconds: these answers are a few KB. */
const REQUEST_TIMEOUT_MS = 10_000;

/** A key that requests are signed with. */
interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The credentials of the requests, and their region. */
export interface Caller {
  readonly region: string;
  /** When left out, the SDK's default chain is used. */
  readonly credentials?: Credentials | (() => Promise<Credentials>) | undefined;
}

/** The options of every AWS SDK client here: credentials, region, timeouts and tries. */
export function toClientLimits({ region, credentials }: Caller) {
  return {
    region,
    maxAttempts: TRIES_MAX,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
    ...(credentials !== undefined && { credentials }),
  };
}
