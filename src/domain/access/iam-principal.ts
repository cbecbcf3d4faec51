import { STS_PARTITIONS } from "./sts-regions.ts";

/** The alias of callers of AWS. No issuer may have it. */
export const IAM_ALIAS = "iam:";

/** Who AWS says that a caller is. */
export interface IamIdentity {
  /** "iam:arn:aws:sts::111122223333:assumed-role/uploader", without the session; or the ARN of a user with its path. */
  readonly principal: string;
  /** The name of a role's session; undefined for users. */
  readonly session: string | undefined;
  readonly account: string;
  readonly partition: string;
}

/** Names of roles, users and sessions: docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const ASSUMED_ROLE =
  /^arn:([a-z-]{3,16}):sts::(\d{12}):assumed-role\/([A-Za-z0-9_+=,.@-]{1,64})\/([A-Za-z0-9_+=,.@-]{2,64})$/;
/** Paths may have more characters. Users with such paths are refused: some of those characters mean something in grants. */
const USER = /^arn:([a-z-]{3,16}):iam::(\d{12}):user\/([A-Za-z0-9_+=,.@/-]{1,448})$/;

/** What a grant or SLUICE_ADMINS may name: an assumed role or a user. */
const MEMBER =
  /^iam:arn:([a-z-]{3,16}):(?:sts::\d{12}:assumed-role\/[A-Za-z0-9_+=,.@-]{0,64}|iam::\d{12}:user\/[A-Za-z0-9_+=,.@/-]{0,448})(\*?)$/;

/**
 * Reads the ARN of a caller as GetCallerIdentity gives it. Undefined for everybody who is neither an assumed role nor a user: the
 * root user of an account should not work with files, and a federated user is named by whoever made it.
 */
export function parseIamIdentity(arn: string): IamIdentity | undefined {
  const [, partition, account, name, session] = ASSUMED_ROLE.exec(arn) ?? USER.exec(arn) ?? [];
  if (partition === undefined || account === undefined || name === undefined) return undefined;
  const principal = session === undefined ? arn : arn.slice(0, -session.length - 1);
  return { principal: `${IAM_ALIAS}${principal}`, session, account, partition };
}

/** The account of a principal that `parseIamIdentity` has named; undefined for any other principal. */
export function findIamAccount(principal: string): string | undefined {
  return /^iam:arn:[a-z-]+:(?:sts|iam)::(\d{12}):/.exec(principal)?.[1];
}

/**
 * Why a name of the alias `iam` names nobody; undefined when it is right. With `mayEndInStar` a "*" may stand at its end, for every
 * role or user whose name continues there.
 */
export function findIamMemberProblem(name: string, { mayEndInStar }: { mayEndInStar: boolean }): string | undefined {
  const [, partition = "", star] = MEMBER.exec(name) ?? [];
  const isWhole = star === "*" || !/[/]$/.test(name);
  if (STS_PARTITIONS.has(partition) && isWhole && (star === "" || mayEndInStar)) return undefined;
  const ending = mayEndInStar ? '; a "*" may stand at the very end, and nowhere else' : '; a "*" is not for this place';
  return (
    'must be "iam:arn:aws:sts::<account>:assumed-role/<role>", with the name of the role and neither path nor session, ' +
    `or "iam:arn:aws:iam::<account>:user/<path and name>"${ending}`
  );
}
