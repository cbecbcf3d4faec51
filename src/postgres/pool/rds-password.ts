import { DomainError } from "../../domain/errors.ts";

/** What a token of RDS is for. */
export interface RdsLogin {
  /** postgres://user@host:port/database: a token is for exactly this host and port, under the name that RDS gave the host. */
  url: string;
  region: string;
}

/** PostgreSQL's own port. */
const PORT_DEFAULT = 5432;

/**
 * Makes the password of each new connection: a token of RDS IAM, by the credentials of AWS's default chain. RDS judges it at the login
 * alone and takes it for 15 minutes; a connection may last longer
 * (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html). The function rejects with
 * `unavailable / DATABASE_UNAVAILABLE` when there are no credentials.
 */
export function createRdsPassword({ url, region }: RdsLogin): () => Promise<string> {
  const { hostname, port, username } = new URL(url);
  let signer: Promise<{ getAuthToken(): Promise<string> }> | undefined;
  const createSigner = async () => {
    // The packages are loaded where they are wanted alone.
    const [{ Signer }, { defaultProvider }] = await Promise.all([
      import("@aws-sdk/rds-signer"),
      import("@aws-sdk/credential-provider-node"),
    ]);
    const login = { hostname, port: Number(port || PORT_DEFAULT), username: decodeURIComponent(username), region };
    return new Signer({ ...login, credentials: defaultProvider() });
  };
  return async () => {
    signer ??= createSigner();
    try {
      return await (await signer).getAuthToken();
    } catch (cause) {
      const message = `the service finds no credentials of AWS to log in at the metadata database: ${String(cause)}`;
      throw new DomainError("unavailable", message, { reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1000, cause });
    }
  };
}
