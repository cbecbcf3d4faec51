import type { Site } from "../template/site.ts";
import type { OwnStatement } from "./own-statements.ts";
import { SettingsProblem } from "./settings-problem.ts";

/** Actions that change objects and nothing else; others may be allowed them below the external prefix. */
const OBJECT_WRITES: ReadonlySet<string> = new Set([
  ...["s3:PutObject", "s3:AbortMultipartUpload", "s3:RestoreObject", "s3:PutObjectTagging"],
  ...["s3:PutObjectVersionTagging", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:DeleteObjectTagging"],
]);
const READS = /^s3:(Get|List)[A-Za-z]+$/;

/** What Sluice itself, and whoever deploys the template, cannot do without: on objects, and on the bucket. */
const NEEDED = {
  objects: [
    ...["s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"],
    ...["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
  ],
  bucket: [
    ...["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
    ...["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
  ],
};
const NEEDED_SHOWN_MAX = 3;

/** Condition keys by which a service names the account for which it acts. */
const SOURCES: ReadonlySet<string> = new Set(["aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"]);

/**
 * Whatever of the statements would open the bucket, go round its guards, or shut Sluice out. A denial of ours cannot be
 * cancelled by what another statement allows; so what is left to refuse is a statement in its place, and the right to change it.
 */
export function findStatementProblems(site: Site, own: readonly OwnStatement[]): SettingsProblem[] {
  const sids = own.map(({ Sid }) => Sid);
  return own.flatMap((statement, at) => {
    const { Sid, Effect } = statement;
    const sentences = [
      ...(sids.indexOf(Sid) < at ? [`Sid: ${Sid} stands there twice; a policy has each Sid once`] : []),
      ...findForeignNames(site, statement),
      ...(Effect === "Allow" ? findOpenings(site, statement) : findShutOuts(site, statement)),
    ];
    return sentences.map((sentence) => {
      const [element = "", text] = sentence.split(/: (.*)/s);
      const path = ["statements", at, element];
      return new SettingsProblem(`${path.join(".")} (${Sid}): ${text}`, path);
    });
  });
}

/** Sentences, each behind the element that it is about. */
function findForeignNames(site: Site, { Principal: { AWS = [] }, Resource }: OwnStatement): string[] {
  const strange = Resource.filter((arn) => arn !== site.bucketArn && !arn.startsWith(`${site.bucketArn}/`));
  const elsewhere = AWS.filter((one) => one.startsWith("arn:") && one.split(":")[1] !== site.partition);
  return [
    ...strange.map(
      (arn) =>
        `Resource: ${arn} is not in the bucket: a bucket's policy is about ${site.bucketArn} and ${site.bucketArn}/…`,
    ),
    ...elsewhere.map(
      (one) => `Principal: ${one} lies in partition ${one.split(":")[1]}, and the bucket in ${site.partition}`,
    ),
  ];
}

function findOpenings(site: Site, { Principal, Action, Resource, Condition = {} }: OwnStatement): string[] {
  const isPublic = Principal.AWS?.some((one) => one.includes("*")) ?? false;
  const isSourced = Object.entries(Condition).some(
    ([operator, keys]) =>
      /^(String|Arn)(Equals|Like)$/.test(operator) && Object.keys(keys).some((key) => SOURCES.has(key.toLowerCase())),
  );
  const wide = Action.filter((action) => /[*?]/.test(action));
  const ruling = Action.filter((action) => !wide.includes(action) && !READS.test(action) && !OBJECT_WRITES.has(action));
  const writes = Action.filter((action) => OBJECT_WRITES.has(action));
  const among = Resource.filter(
    (arn) => arn !== site.bucketArn && !arn.startsWith(site.objects(site.externalPrefix).slice(0, -1)),
  );
  return [
    ...(isPublic
      ? ["Principal: everyone is let in, which would make the bucket public; name accounts, roles or a service"]
      : []),
    ...(Principal.Service !== undefined && !isSourced
      ? [
          "Condition: the service could be sent here by anybody's account; say StringEquals of aws:SourceAccount, or ArnLike of aws:SourceArn",
        ]
      : []),
    ...wide.map((action) => `Action: ${action} allows what AWS will add to it, too; name each action`),
    ...ruling.map(
      (action) =>
        `Action: ${action} would let others change the bucket or its guards; only reads and ${[...OBJECT_WRITES].join(", ")} may be allowed`,
    ),
    ...(writes.length > 0
      ? among.map(
          (arn) =>
            `Resource: ${arn} reaches beyond ${site.externalPrefix}, and ${writes.join(", ")} must not reach Sluice's files; name a folder below ${site.bucketArn}/${site.externalPrefix}`,
        )
      : []),
  ];
}

/** With conditions it is the settings' own affair: whether they are met, no generator knows. */
function findShutOuts(site: Site, { Principal: { AWS = [] }, Action, Resource, Condition }: OwnStatement): string[] {
  if (Condition !== undefined && Object.keys(Condition).length > 0) return [];
  const all = ["*", site.account, site.arn("iam", "root", { region: "" })];
  const ourselves = [...all, site.roleArn("write"), site.roleArn("read")];
  const who = AWS.filter((one) => ourselves.includes(one));
  const file = `${site.bucketArn}/${site.keyPrefix}`;
  const needed = [
    ...(Resource.some((arn) => reaches(arn, file)) ? NEEDED.objects : []),
    ...(Resource.some((arn) => matches(arn, site.bucketArn)) ? NEEDED.bucket : []),
  ].filter((action) => Action.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())));
  if (who.length === 0 || needed.length === 0) return [];
  const more = needed.length - NEEDED_SHOWN_MAX;
  const shown = `${needed.slice(0, NEEDED_SHOWN_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return [
    `Action: ${shown} would be refused to ${who.join(", ")} in any case, to Sluice itself and to whoever deploys, too; add a Condition, or name a folder below ${site.externalPrefix}`,
  ];
}

/** Whether the pattern (`*` and `?`) and some text with this beginning agree. */
function reaches(pattern: string, beginning: string): boolean {
  const fixed = pattern.split(/[*?]/)[0] as string;
  return fixed.startsWith(beginning) || (fixed !== pattern && beginning.startsWith(fixed));
}

/**
 * Whether the text matches the pattern, in which `*` is any text and `?` any letter. A star takes as little as it can, and only
 * the last one is ever tried again: a regular expression would take exponential time for a pattern of many stars.
 */
function matches(pattern: string, text: string): boolean {
  let [at, star, resumed] = [0, -1, 0];
  for (let index = 0; index < text.length; ) {
    if (pattern[at] === "*") [star, resumed, at] = [at, index, at + 1];
    else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[index]))
      [at, index] = [at + 1, index + 1];
    else if (star >= 0) [at, resumed, index] = [star + 1, resumed + 1, resumed + 1];
    else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
