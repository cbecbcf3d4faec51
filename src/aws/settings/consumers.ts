import { z } from "zod";
import type { Site } from "../template/site.ts";
import { accountId, prefix, roleArn, vpcEndpointId } from "./aws-names.ts";
import { SettingsProblem } from "./settings-problem.ts";

/** Most consumers: each takes some 300 to 900 bytes of the bucket's policy, which has room for 20 KiB. */
const CONSUMERS_MAX = 50;
/** Letters of a consumer's name: it is part of Sids, of outputs, and of an access point's name of 50 letters at most. */
const NAME_LENGTH_MAX = 20;

/** S3's: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-restrictions-limitations-naming-rules.html */
const ACCESS_POINT_NAME_LENGTH_MAX = 50;

/** Somebody of another account who reads or writes below one prefix. */
const consumer = z.strictObject({
  name: z
    .string()
    .max(NAME_LENGTH_MAX, `a consumer's name has ${NAME_LENGTH_MAX} letters at most`)
    .regex(
      /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/,
      "a consumer's name has small letters, digits and hyphens, and each of its parts begins with a letter",
    ),
  account: accountId.optional(),
  role: roleArn.optional(),
  function: z
    .string()
    .regex(
      /^arn:aws(-cn|-us-gov)?:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}$/,
      'a function is named by its ARN without a version or alias: "arn:aws:lambda:eu-central-1:444455556666:function:report"',
    )
    .optional(),
  access: z.enum(["read", "write", "both"]).default("read"),
  prefix: prefix.optional(),
  accessPoint: z.boolean().default(false),
  vpcEndpoints: z.array(vpcEndpointId).min(1).max(20).optional(),
});

/** The setting `consumers`. */
export const consumers = z
  .array(consumer)
  .max(CONSUMERS_MAX)
  .default([])
  .describe(
    "who of other accounts may use the bucket: a list of `name`, `role` (ARN) or `account`, `function` (ARN), `access` (read, write, both), `prefix`, `accessPoint`, `vpcEndpoints`",
  );

/** A consumer as the settings have it, with its defaults. */
export type SaidConsumer = z.output<typeof consumer>;

/** A checked consumer. */
export interface Consumer extends Pick<SaidConsumer, "name" | "function" | "vpcEndpoints"> {
  readonly account: string;
  /** ARN of the only role that is let in; undefined where its account decides which. */
  readonly role: string | undefined;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  readonly prefix: string;
  /** The access point that is the only way in; undefined where it uses the bucket's name. */
  readonly accessPoint: { readonly name: string; readonly arn: string } | undefined;
}

/** The consumers of checked settings: a reader gets Sluice's files, a writer a folder of its own, where no prefix is said. */
export function toConsumers(site: Site, said: readonly SaidConsumer[]): Consumer[] {
  return said.map(({ access, account, accessPoint, prefix, role, ...others }) => {
    const mayWrite = access !== "read";
    const point = site.nameOf(others.name, ACCESS_POINT_NAME_LENGTH_MAX);
    return {
      ...others,
      account: account ?? (role?.split(":")[4] as string),
      role,
      mayRead: access !== "write",
      mayWrite,
      accessPoint: accessPoint ? { name: point, arn: site.arn("s3", `accesspoint/${point}`) } : undefined,
      prefix: prefix ?? (mayWrite ? `${site.externalPrefix}${others.name}/` : site.keyPrefix),
    };
  });
}

/** Whatever contradicts itself, the site, or the folders of AWS `services` (their names). */
export function findConsumerProblems(
  site: Site,
  said: readonly SaidConsumer[],
  services: readonly string[],
): SettingsProblem[] {
  const names = said.map(({ name }) => name);
  return said.flatMap((one, at) => {
    const place = ["consumers", at];
    const twice: SettingsProblem[] =
      names.indexOf(one.name) === at
        ? []
        : [new SettingsProblem(`two consumers are called ${one.name}; name this one otherwise`, [...place, "name"])];
    return [
      ...twice,
      ...findIdentityProblems(site, one, place),
      ...findPrefixProblems(site, { said: one, services }, place),
    ];
  });
}

type Place = readonly (string | number)[];

function findIdentityProblems(site: Site, { name, account, role, ...said }: SaidConsumer, place: Place) {
  const problems: SettingsProblem[] = [];
  const refuse = (option: string, sentence: string) => problems.push(new SettingsProblem(sentence, [...place, option]));
  const at = place.join(".");
  const owner = account ?? role?.split(":")[4];
  if (owner === undefined) {
    refuse("name", `${at} (${name}) names nobody: say the ARN of its role, or its account, which then decides itself`);
  }
  for (const [option, arn] of Object.entries({ role, function: said.function })) {
    const [, partition, , , ofAccount] = arn?.split(":") ?? [];
    if (partition === undefined) continue;
    if (partition !== site.partition) {
      refuse(
        option,
        `${at}.${option} lies in partition ${partition}, the bucket in ${site.partition}: no policy reaches from one into the other; name an account of ${site.partition}`,
      );
    } else if (ofAccount !== owner) {
      refuse(option, `${at}.${option} belongs to account ${ofAccount}, and the consumer to ${owner}; name one account`);
    }
  }
  if (owner === site.account) {
    refuse(
      account === undefined ? "role" : "account",
      `${at} is of account ${owner}, the bucket's own: a policy of the role itself is enough there, without any statement of the bucket's; leave the consumer out`,
    );
  }
  if (said.function !== undefined && role === undefined) {
    refuse(
      "function",
      `${at}.function needs the function's execution role: a bucket's policy knows roles and no functions; name it as ${at}.role`,
    );
  }
  return problems;
}

function findPrefixProblems(
  site: Site,
  { said: { name, access, prefix }, services }: { said: SaidConsumer; services: readonly string[] },
  place: Place,
): SettingsProblem[] {
  const { keyPrefix, externalPrefix } = site;
  const at = [...place, "prefix"];
  const refuse = (sentence: string) => [new SettingsProblem(`${at.join(".")} ${prefix ?? name} ${sentence}`, at)];
  const folder = prefix ?? (access === "read" ? keyPrefix : `${externalPrefix}${name}/`);
  if (access === "read") {
    if (folder.startsWith(keyPrefix) || folder.startsWith(externalPrefix)) return [];
    return refuse(`has nothing in it: files lie below ${keyPrefix}, and what others write below ${externalPrefix}`);
  }
  if (!folder.startsWith(externalPrefix) || folder === externalPrefix) {
    return refuse(`is not the consumer's own: others write into a folder below ${externalPrefix}, each into its own`);
  }
  const owner = services.find((service) => folder.startsWith(`${externalPrefix}${service}/`));
  return owner === undefined ? [] : refuse(`lies in the folder of the AWS service ${owner}; name another folder`);
}
