import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { IDENTITY_QUERY } from "../domain/access/iam-token.ts";
import { parseRequestTarget, type RequestTarget } from "./s3-server/protocol/request-target.ts";
import { S3Error } from "./s3-server/protocol/s3-error.ts";
import { verifySignature } from "./s3-server/protocol/sigv4.ts";

/** Whose credentials are known. */
export interface StsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Undefined for the long-lived keys of a user. */
  readonly sessionToken?: string | undefined;
  readonly arn: string;
  readonly account: string;
}

/** An STS that knows some identities, over real HTTP. It answers GetCallerIdentity alone. */
export interface DevStsServer {
  readonly url: string;
  /** Those who may sign, by their access key ids. */
  readonly identities: Map<string, StsIdentity>;
  /** Connections that were opened, and requests that came. */
  readonly seen: { connections: number; requests: number };
  /** Answers in place of the usual answer, for faults; undefined: none. */
  override: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

/** Session tokens are in the first line of a request, which Node limits with its headers: to 16 KiB unless told otherwise. */
const LIMITS = { maxHeaderSize: 65_536 };

/**
 * Starts an STS for development and tests on a free port of this machine. Like AWS it verifies SigV4, and like AWS it does not look at
 * X-Amz-Expires; unlike AWS it takes a signature of any age, so that whoever asks it has to judge the time.
 */
export async function startDevSts({ tls }: { tls?: { cert: string; key: string } } = {}): Promise<DevStsServer> {
  const server = tls === undefined ? createHttpServer(LIMITS) : createHttpsServer({ ...LIMITS, ...tls });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sts: DevStsServer = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    identities: new Map(),
    seen: { connections: 0, requests: 0 },
    override: undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on("connection", () => sts.seen.connections++);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    sts.seen.requests++;
    if (sts.override === undefined) answerUsually(sts, request, response);
    else sts.override(request, response);
  });
  return sts;
}

function answerUsually({ identities }: DevStsServer, request: IncomingMessage, response: ServerResponse): void {
  try {
    const target = parseRequestTarget(request.url ?? "/");
    const { arn, account } = verify(identities, request, target);
    const GetCallerIdentityResult = { Account: account, Arn: arn, UserId: "AROAEXAMPLE:session" };
    const ResponseMetadata = { RequestId: "00000000-0000-4000-8000-000000000000" };
    answerJson(response, 200, { GetCallerIdentityResponse: { GetCallerIdentityResult, ResponseMetadata } });
  } catch (error) {
    const code = error instanceof S3Error ? error.code : "InternalFailure";
    refuseBySts(response, error instanceof S3Error ? 403 : 500, CODES[code] ?? code);
  }
}

/** What STS calls the refusals of S3. */
const CODES: Readonly<Record<string, string>> = { InvalidAccessKeyId: "InvalidClientTokenId" };

/** Answers as STS refuses. */
export function refuseBySts(response: ServerResponse, status: number, code: string): void {
  const refusal = { Code: code, Message: "The request is refused.", Type: status < 500 ? "Sender" : "Receiver" };
  answerJson(response, status, { Error: refusal, RequestId: "00000000-0000-4000-8000-000000000000" });
}

function verify(identities: DevStsServer["identities"], request: IncomingMessage, target: RequestTarget): StsIdentity {
  const { query } = target;
  const [accessKeyId = "", , region = ""] = query.get("X-Amz-Credential")?.split("/") ?? [];
  const identity = identities.get(accessKeyId);
  const isSession = query.get("X-Amz-Security-Token") === identity?.sessionToken;
  if (identity === undefined || !isSession) throw new S3Error("InvalidAccessKeyId", "The security token is invalid.");
  const isKnown = Object.entries(IDENTITY_QUERY).every(([name, value]) => query.get(name) === value);
  if (request.method !== "GET" || target.rawPath !== "/" || !isKnown)
    throw new S3Error("AccessDenied", "Not that call.");
  const { secretAccessKey } = identity;
  const signedAt = Date.parse(
    (query.get("X-Amz-Date") ?? "").replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"),
  );
  verifySignature(request, target, {
    ...{ accessKeyId, secretAccessKey, region, service: "sts" },
    servesRegion: (one) => one === region,
    regionOf: () => region,
    now: () => signedAt,
  });
  return identity;
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
