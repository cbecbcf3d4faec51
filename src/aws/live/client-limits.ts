/** Tries of one request, the first counted; between them the SDK waits, at most 20 s. */
const TRIES_MAX = 3;
const CONNECT_TIMEOUT_MS = 5_000;
/** From the first byte sent to the last received: these answers are a few KB. */
const REQUEST_TIMEOUT_MS = 10_000;

/** A key that requests are signed with. */
interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Who asks, and in which region. */
export interface Caller {
  readonly region: string;
  /** The SDK's default chain when left out. */
  readonly credentials?: Credentials | (() => Promise<Credentials>) | undefined;
}

/** What every client of the AWS SDK is made with here: who asks, and how long and how often. */
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
