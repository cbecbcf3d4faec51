import { Hash } from "@smithy/core/serde";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AwsCredentialIdentity } from "@smithy/types";
import { IAM_TOKEN_MAX_SECONDS, IDENTITY_QUERY, SERVER_ID_HEADER, writeIamToken } from "../domain/access/iam-token.ts";
import { STS_REGIONS } from "../domain/access/sts-regions.ts";
import type { TokenSource } from "./credentials.ts";

/**
 * A token is signed anew when it has less than this to live, in milliseconds: a call is on its way for a while, and the clocks of
 * caller and service may differ by a minute.
 */
const RENEW_BEFORE_MS = 180_000;

/** Gives AWS credentials; with `forceRefresh` not those that it remembers. */
export type AwsCredentialSource = (options?: { forceRefresh?: boolean }) => Promise<AwsCredentialIdentity>;

/** For which service tokens are signed, and by whom. */
export interface IamTokenOptions {
  /** The service's SLUICE_IAM_SERVER_ID. A token for one service counts for no other. */
  serverId: string;
  /** The region whose STS the service asks, for instance "eu-central-1": the nearest one. */
  region: string;
  /** The address that the service asks in place of the region's own, where its AWS_ENDPOINT_URL_STS names one. */
  endpoint?: string | undefined;
  /** Whose tokens they are; when left out, what the AWS SDK's default chain finds: a task's or a pod's role, a profile, variables. */
  credentials?: AwsCredentialSource;
  /** Milliseconds since 1970, for tests. */
  now?: () => number;
}

/**
 * Tokens of an AWS role or user, for `createSluiceClient({ token })` in Node. They are signed here, without a request; the secret key
 * goes nowhere. A token lives for 15 minutes; the next one is signed in time, and an upload that outlasts a token goes on with the
 * next. Throws an `Error` for a region that no service asks. The source rejects as the credentials do.
 */
export function createIamTokenSource(options: IamTokenOptions): TokenSource {
  const { region, endpoint, now = Date.now } = options;
  const host = STS_REGIONS.get(region)?.host;
  if (host === undefined) throw new Error(`"${region}" is no region of AWS whose STS can say who you are`);
  const url = new URL(endpoint ?? `https://${host}`);
  let credentials = options.credentials;
  let token = "";
  let renewAt = 0;
  let renewing: Promise<string> | undefined;
  const renew = async (forceRefresh: boolean): Promise<string> => {
    // The chain is large, and loaded by those who need it.
    credentials ??= (await import("@aws-sdk/credential-provider-node")).defaultProvider();
    const signedAt = now();
    // A service that knows the token does not ask again, so the end of the credentials that signed it is of no matter.
    token = await signToken(await credentials({ forceRefresh }), { ...options, url, signedAt });
    renewAt = signedAt + IAM_TOKEN_MAX_SECONDS * 1000 - RENEW_BEFORE_MS;
    return token;
  };
  return async ({ refused }) => {
    if (token !== "" && refused !== token && now() < renewAt) return token;
    renewing ??= renew(refused !== undefined).finally(() => {
      renewing = undefined;
    });
    return await renewing;
  };
}

async function signToken(
  identity: AwsCredentialIdentity,
  { serverId, region, url, signedAt }: { serverId: string; region: string; url: URL; signedAt: number },
): Promise<string> {
  const signer = new SignatureV4({ service: "sts", region, credentials: identity, sha256: Hash.bind(null, "sha256") });
  const request = {
    method: "GET",
    protocol: url.protocol,
    hostname: url.hostname,
    path: "/",
    query: { ...IDENTITY_QUERY },
    headers: { host: url.host, [SERVER_ID_HEADER]: serverId },
  };
  const { query = {} } = await signer.presign(request, {
    expiresIn: IAM_TOKEN_MAX_SECONDS,
    signingDate: new Date(signedAt),
  });
  return writeIamToken({
    accessKeyId: identity.accessKeyId,
    region,
    date: String(query["X-Amz-Date"]),
    expiresSeconds: IAM_TOKEN_MAX_SECONDS,
    signature: String(query["X-Amz-Signature"]),
    sessionToken: identity.sessionToken,
  });
}
