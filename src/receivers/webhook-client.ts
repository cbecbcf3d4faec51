import { Resolver } from "node:dns/promises";
import { type IncomingMessage, Agent as PlainAgent, request as requestPlain } from "node:http";
import { Agent, request } from "node:https";
import { isIP, type LookupFunction } from "node:net";

/** Bounds of a request to a webhook. */
export interface WebhookLimits {
  /** Time for the whole request, the look-up of the name included, in milliseconds. */
  timeoutMs: number;
  /** Bytes of an answer that are read; the connection is cut behind them. Nobody wants an answer's text. */
  answerMaxBytes: number;
  /** How long a connection waits for the next event, in milliseconds. */
  idleMs: number;
  /** Connections at once; each subscription has one at most. */
  connectionsMax: number;
}

/** Standard Webhooks advises 15 to 30 s. */
export const WEBHOOK_LIMITS: WebhookLimits = {
  timeoutMs: 15_000,
  answerMaxBytes: 16 * 1024,
  idleMs: 30_000,
  connectionsMax: 500,
};

/** Largest header block of an answer, in bytes. */
const HEADERS_MAX_BYTES = 16 * 1024;
/** A name server is asked twice, in milliseconds each. */
const NAME_LIMITS = { timeout: 3000, tries: 2 };

/** Finds the addresses of a name. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/** The name of a webhook has an address that it may not reach. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/** What a receiver answers. */
export interface WebhookAnswer {
  status: number;
  /** The header Retry-After; undefined when there is none. */
  retryAfter: string | undefined;
}

/**
 * Sends requests to webhooks, which are URLs of callers' choice. A name is looked up once for each connection; all of its addresses must
 * be ones that `mayReach` takes, and the connection goes to one of these addresses: a second look-up, which could tell another one, never
 * happens. Redirects are not followed. The certificate must be for the name.
 */
export class WebhookClient {
  readonly #limits: WebhookLimits;
  readonly #mayReach: (address: string) => boolean;
  readonly #agents: { secure: Agent; plain: PlainAgent };

  constructor(options: {
    mayReach: (address: string) => boolean;
    resolve?: ResolveName | undefined;
    /** Authorities whose certificates are accepted in place of those that Node knows, in PEM. */
    ca?: string | undefined;
    limits?: WebhookLimits | undefined;
  }) {
    const { mayReach, resolve = resolveByDns, ca, limits = WEBHOOK_LIMITS } = options;
    this.#limits = limits;
    this.#mayReach = mayReach;
    const common = {
      keepAlive: true,
      timeout: limits.idleMs,
      maxTotalSockets: limits.connectionsMax,
      lookup: createCheckedLookup(resolve, mayReach),
    };
    this.#agents = { secure: new Agent({ ...common, ...(ca !== undefined && { ca }) }), plain: new PlainAgent(common) };
  }

  /**
   * Posts a body; resolves once the status is there. Rejects with `AddressRefused`, with the error of the connection, or with the signal's
   * reason; a time-out is an error named "TimeoutError".
   */
  async post(
    url: string,
    { headers, body, signal }: { headers: Record<string, string>; body: string; signal: AbortSignal },
  ): Promise<WebhookAnswer> {
    const timeout = AbortSignal.timeout(this.#limits.timeoutMs);
    const ending = AbortSignal.any([signal, timeout]);
    try {
      return await this.#postOnce(url, { headers, body, signal: ending }).catch((error) => {
        // The receiver has closed a connection that had waited, just when it was used again.
        if (!(error instanceof StaleConnection)) throw error;
        return this.#postOnce(url, { headers, body, signal: ending });
      });
    } catch (error) {
      if (ending.aborted) throw ending.reason;
      throw error;
    }
  }

  /** Closes the connections that wait. */
  close(): void {
    this.#agents.secure.destroy();
    this.#agents.plain.destroy();
  }

  async #postOnce(
    url: string,
    { headers, body, signal }: { headers: Record<string, string>; body: string; signal: AbortSignal },
  ): Promise<WebhookAnswer> {
    const { protocol, hostname } = new URL(url);
    // Node looks no address up, so it is checked here.
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    if (isIP(host) !== 0 && !this.#mayReach(host)) throw new AddressRefused();
    const bytes = Buffer.from(body);
    const [send, agent] = protocol === "https:" ? [request, this.#agents.secure] : [requestPlain, this.#agents.plain];
    return await new Promise((resolve, reject) => {
      const sent = send(url, {
        method: "POST",
        agent,
        signal,
        maxHeaderSize: HEADERS_MAX_BYTES,
        headers: { ...headers, "content-length": bytes.length, "user-agent": "sluice" },
      });
      sent.once("response", (answer) => {
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"] });
        discard(answer, this.#limits.answerMaxBytes);
      });
      sent.on("error", (error) => {
        const isStale = sent.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
        reject(isStale ? new StaleConnection("the connection had ended", { cause: error }) : error);
      });
      sent.end(bytes);
    });
  }
}

/** A connection that was kept had ended before it was used again. */
class StaleConnection extends Error {
  override readonly name = "StaleConnection";
}

/** Reads an answer to its end, so that its connection can be used again; cuts it when that is far away. */
function discard(answer: IncomingMessage, maxBytes: number): void {
  let bytes = 0;
  answer.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > maxBytes) answer.destroy();
  });
  // The status counts, and the connection is given up.
  answer.on("error", () => {});
}

function createCheckedLookup(resolve: ResolveName, mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    const give = (addresses: readonly string[]) => {
      if (addresses.length === 0 || !addresses.every(mayReach)) {
        callback(new AddressRefused(), []);
        return;
      }
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      const [first] = found;
      if (options.all === true) callback(null, found);
      else callback(null, first?.address as string, first?.family);
    };
    resolve(hostname).then(give, (error) => callback(error, []));
  };
}

/**
 * Asks the name servers, both families. No getaddrinfo: it would take one of Node's few threads for as long as somebody's name server
 * does not answer. So names of /etc/hosts are not known.
 */
async function resolveByDns(name: string): Promise<readonly string[]> {
  const resolver = new Resolver(NAME_LIMITS);
  const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const addresses = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const [failed] = found.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  if (addresses.length === 0 && failed !== undefined) throw failed;
  return addresses;
}
