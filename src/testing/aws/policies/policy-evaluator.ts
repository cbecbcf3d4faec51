import { createValidatedPolicy, validateIdentityPolicy, validateResourcePolicy } from "@cloud-copilot/iam-policy";
import { runSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import type { Configuration } from "../../../aws/generate-configuration.ts";
import { toText } from "../../../aws/policy/access-words.ts";
import { createConsumerPolicy } from "../../../aws/policy/consumers.ts";
import { createEndpointPolicy } from "../../../aws/template/gateway-endpoint.ts";
import type { Resource } from "../../../aws/template/template.ts";
import { Leaf, type Properties, type Value } from "../../../aws/template/value.ts";

/** Somebody who asks to do something. */
export interface AccessRequest {
  /** ARN of a role, or a service principal such as `cloudtrail.amazonaws.com`. */
  readonly principal: string;
  readonly action: string;
  /** ARN; "*" for actions that know no resource. */
  readonly resource: string;
  /** Condition keys and their values. Keys that AWS does not give with the action are left out, as AWS does. */
  readonly context: Readonly<Record<string, string | string[]>>;
}

/** What AWS would answer (implicitly denied, too, what nothing allows to begin with), or why the request cannot be: an action that does not take such a resource, for example. */
export type Decision = "Allowed" | "ExplicitlyDenied" | "ImplicitlyDenied" | `Impossible: ${string}`;

/** Decides as IAM would, by the policies of one generated template and nothing else. */
export interface PolicyEvaluator {
  evaluate(request: AccessRequest): Promise<Decision>;
  /** A text of the access matrix with stand-ins for what AWS makes up: `${X.Arn}` becomes an ARN. */
  resolve(text: string): string;
  /** ARN of the resource of that logical id. */
  arnOf(logicalId: string): string;
  /** Every ARN of a role in the template. */
  readonly roles: readonly string[];
}

type Document = ReturnType<typeof createValidatedPolicy>;

/** What a caller of another account, or one that is not in the template, has been allowed there: everything. */
const ADMINISTRATOR = identityPolicy({
  Version: "2012-10-17",
  Statement: [{ Sid: "Everything", Effect: "Allow", Action: "*", Resource: "*" }],
});

/** The evaluator of a template. Policies are read as they are printed, intrinsic functions replaced by stand-ins. */
export function createPolicyEvaluator(configuration: Configuration): PolicyEvaluator {
  const { site, template } = configuration;
  const resources = Object.entries(template.resources);
  const resolve = (text: string) =>
    text.replace(/\$\{([A-Za-z0-9]+)(?:\.(\w+))?\}/g, (_, logicalId: string, attribute?: string) => {
      const resource = template.resources[logicalId];
      // A topic is referred to by its ARN, and so is every Arn; the rest by an id.
      const isArn = attribute === undefined ? resource?.type === "AWS::SNS::Topic" : /Arn$/.test(attribute);
      if (isArn) return toStandInArn(site, logicalId, resource);
      const { QueueName, RoleName } = resource?.properties ?? {};
      if (attribute === undefined && QueueName !== undefined) return `https://sqs/${site.account}/${toText(QueueName)}`;
      if (attribute === undefined && RoleName !== undefined) return toText(RoleName);
      return `standin${logicalId.toLowerCase()}${attribute?.toLowerCase() ?? ""}`;
    });
  const toJson = (value: Value): unknown => {
    if (value instanceof Leaf) return toJson(value.toJson());
    if (Array.isArray(value)) return value.map((one) => toJson(one as Value));
    if (typeof value !== "object") return typeof value === "string" ? toKnownPrincipal(resolve(value)) : value;
    if (Object.keys(value).some((key) => key === "Ref" || key.startsWith("Fn::"))) return resolve(toText(value));
    return Object.fromEntries(Object.entries(value as Properties).map(([key, one]) => [toKnownKey(key), toJson(one)]));
  };
  const policies = new Map<string, Document[]>();
  const guards: { covers: (arn: string) => boolean; document: Document }[] = [];
  const roles: string[] = [];
  for (const [logicalId, resource] of resources) {
    const { type, properties } = resource;
    if (type === "AWS::IAM::Role") {
      const arn = site.arn("iam", `role/${toText(properties.RoleName as Value)}`, { region: "" });
      const inline = (properties.Policies ?? []) as readonly Properties[];
      policies.set(
        arn,
        inline.map(({ PolicyDocument }) => identityPolicy(toJson(PolicyDocument as Value))),
      );
      roles.push(arn);
      guards.push({
        covers: (asked) => asked === arn,
        document: resourcePolicy(toTrustJson(toJson(properties.AssumeRolePolicyDocument as Value))),
      });
      continue;
    }
    const document = toResourceDocument(resource, toJson);
    if (document === undefined || type === "AWS::EC2::VPCEndpoint") continue;
    const covers = toCoverage(site, { logicalId, resource }, (value) => resolve(toText(value)));
    guards.push({ covers, document: resourcePolicy(document) });
  }
  for (const consumer of configuration.consumers) {
    const principal = consumer.role ?? site.arn("iam", "role/somebody", { region: "", account: consumer.account });
    const attached = identityPolicy(createConsumerPolicy(site, consumer).toJson());
    policies.set(principal, [...(policies.get(principal) ?? []), attached]);
  }
  const endpoints = listEndpointPolicies(configuration, resolve);
  const accountsOwn = resourcePolicy({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "Account",
        Effect: "Allow",
        Action: "kms:*",
        Resource: "*",
        Principal: { AWS: site.arn("iam", "root", { region: "" }) },
      },
    ],
  });
  const evaluate = async ({ principal, action, resource, context }: AccessRequest): Promise<Decision> => {
    const guard = guards.filter(({ covers }) => covers(resource)).map(({ document }) => forAction(document, action));
    const isService = principal.endsWith(`.${site.dnsSuffix}`) || principal.endsWith(".amazonaws.com");
    // A key that the template does not make has the policy that KMS gives every key: the account decides.
    if (guard.length === 0 && resource.startsWith(site.arn("kms", "key/"))) guard.push(accountsOwn);
    const own = isService ? [] : (policies.get(principal) ?? [ADMINISTRATOR]).map((one) => forAction(one, action));
    const endpoint = action.startsWith("s3:") ? endpoints.get(String(context["aws:SourceVpce"])) : undefined;
    if (![...guard, ...own].some(({ policyDocument }) => allows(policyDocument, action))) return "ImplicitlyDenied";
    const simulation: Simulation = {
      request: {
        principal: toKnownPrincipal(principal),
        action,
        // A bucket's ARN names no account; ours are the one of the template, and those that it leads to.
        resource: { resource, accountId: String(context["aws:ResourceAccount"] ?? site.account) },
        contextVariables: Object.fromEntries(
          Object.entries(context).map(([key, value]) => [
            toKnownKey(key),
            // The policies' texts were written so, too.
            typeof value === "string" ? toKnownPrincipal(value) : value.map(toKnownPrincipal),
          ]),
        ),
      },
      identityPolicies: own.map((policy, at) => ({ name: `policy${at}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(guard.length > 0 && { resourcePolicy: toOne(guard) }),
      ...(endpoint !== undefined && { vpcEndpointPolicies: [{ name: "endpoint", policy: endpoint }] }),
    };
    const answer = await runSimulation(simulation, {});
    if (answer.resultType === "error") {
      const { message, ...details } = answer.errors;
      if (message === "policy.errors") throw new Error(`a policy has wrong syntax: ${JSON.stringify(details)}`);
      return `Impossible: ${message}`;
    }
    return answer.overallResult;
  };
  return { evaluate, resolve, roles, arnOf: (logicalId) => resolve(`\${${logicalId}.Arn}`) };
}

/** Policies of gateway endpoints by the endpoint's id: of one that is made, and of one that exists. */
function listEndpointPolicies(
  { site, template, settings, buckets }: Configuration,
  resolve: (text: string) => string,
): Map<string, Document> {
  const { network } = settings;
  const made = Object.entries(template.resources).filter(([, { type }]) => type === "AWS::EC2::VPCEndpoint");
  const all = made.map(
    ([logicalId, { properties }]) => [resolve(`\${${logicalId}}`), properties.PolicyDocument] as const,
  );
  const named = typeof network.gatewayEndpoint === "string" ? [network.gatewayEndpoint] : [];
  return new Map(
    [...all, ...named.map((id) => [id, createEndpointPolicy(site, network, buckets)] as const)].map(([id, policy]) => [
      id,
      resourcePolicy((policy as Leaf).toJson()),
    ]),
  );
}

const FOR_ACTIONS = new WeakMap<Document, Map<string, Document>>();

/** The policy without the statements that are about other actions, which is what makes thousands of questions quick. */
function forAction(document: Document, action: string): Document {
  const known = FOR_ACTIONS.get(document) ?? new Map<string, Document>();
  FOR_ACTIONS.set(document, known);
  const made = known.get(action);
  if (made !== undefined) return made;
  const all = document.policyDocument.Statement as StatementJson[];
  const about = all.filter((statement) => isAbout(statement, action));
  // Never none: a resource whose policy says nothing of the action is not one without a policy.
  const Statement = about.length > 0 ? about : all.slice(0, 1);
  const reduced: Document = { ...document, policyDocument: { ...document.policyDocument, Statement } };
  known.set(action, reduced);
  return reduced;
}

interface StatementJson {
  readonly Effect: string;
  readonly Action: string | readonly string[];
}

function allows({ Statement }: { Statement: readonly StatementJson[] }, action: string): boolean {
  return Statement.some((statement) => statement.Effect === "Allow" && isAbout(statement, action));
}

/** Actions are named in full, or end in one `*`. */
function isAbout({ Action }: StatementJson, action: string): boolean {
  return [Action].flat().some((one) => (one.endsWith("*") ? action.startsWith(one.slice(0, -1)) : one === action));
}

/**
 * The simulator knows keys with a made-up part behind a slash alone; KMS has one behind a colon, OIDC one before. And it knows the
 * access point of a request for requests to access points alone, though S3 tells the bucket's policy of it, too:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html
 */
function toKnownKey(key: string): string {
  return key
    .replace(/^s3:DataAccessPointArn$/, "aws:RequestTag/data-access-point-arn")
    .replace(/^kms:EncryptionContext:/, "aws:RequestTag/kms-encryption-context-")
    .replace(/^(oidc\.eks\..*):(sub|aud)$/, "aws:RequestTag/oidc-$2");
}

/** It takes for a service what ends in amazonaws.com, as all do but two in China. */
function toKnownPrincipal(text: string): string {
  return text.replace(/^([a-z0-9.-]+)\.amazonaws\.com\.cn$/, "$1.china.amazonaws.com");
}

/** Several policies of one resource (permissions of a function) hold together. */
function toOne([first, ...others]: readonly Document[]): Document {
  if (others.length === 0) return first as Document;
  const all = [first as Document, ...others].flatMap(({ policyDocument }) => policyDocument.Statement);
  return resourcePolicy({ Version: "2012-10-17", Statement: all });
}

function identityPolicy(document: unknown): Document {
  return createValidatedPolicy(document, validateIdentityPolicy);
}

function resourcePolicy(document: unknown): Document {
  return createValidatedPolicy(document, validateResourcePolicy);
}

/** A trust policy names no resource; the simulator takes it as any other resource's policy. */
function toTrustJson(document: unknown): unknown {
  const { Statement, ...head } = document as { Statement: object[] };
  return { ...head, Statement: Statement.map((statement) => ({ ...statement, Resource: "*" })) };
}

/** The policy of a resource other than a role; of a function, what one permission adds to it. */
function toResourceDocument({ type, properties }: Resource, toJson: (value: Value) => unknown): unknown {
  if (type === "AWS::Lambda::Permission") {
    const { Action, Principal, FunctionName, SourceArn, SourceAccount } = properties;
    const Condition = {
      ...(SourceAccount !== undefined && { StringEquals: { "aws:SourceAccount": toJson(SourceAccount) } }),
      ...(SourceArn !== undefined && { ArnLike: { "aws:SourceArn": toJson(SourceArn) } }),
    };
    const Resource = toJson(FunctionName as Value);
    const allowed = { Effect: "Allow", Principal: { Service: Principal }, Action, Resource, Condition };
    return { Version: "2012-10-17", Statement: [allowed] };
  }
  const document =
    properties.PolicyDocument ??
    properties.KeyPolicy ??
    properties.AccessPolicy ??
    toAccessPointPolicy(type, properties);
  return document === undefined ? undefined : toJson(document);
}

function toAccessPointPolicy(type: string, { Policy }: Properties): Value | undefined {
  return type === "AWS::S3::AccessPoint" ? Policy : undefined;
}

/** Which ARNs a resource's policy is about. */
function toCoverage(
  site: Configuration["site"],
  { logicalId, resource }: { logicalId: string; resource: Resource },
  toName: (value: Value) => string,
): (arn: string) => boolean {
  const { type, properties } = resource;
  if (type === "AWS::S3::BucketPolicy") {
    const bucket = site.arn("s3", toName(properties.Bucket as Value), { region: "", account: "" });
    return (arn) => arn === bucket || arn.startsWith(`${bucket}/`);
  }
  if (type === "AWS::S3::AccessPoint") {
    const point = site.arn("s3", `accesspoint/${toName(properties.Name as Value)}`);
    return (arn) => arn === point || arn.startsWith(`${point}/`);
  }
  if (type === "AWS::SQS::QueueInlinePolicy") {
    const name = toName(properties.Queue as Value).replace(/^.*\//, "");
    return (arn) => arn === site.arn("sqs", name);
  }
  if (type === "AWS::SNS::TopicInlinePolicy") {
    const topic = toName(properties.TopicArn as Value);
    return (arn) => arn === topic;
  }
  if (type === "AWS::Lambda::Permission") {
    const name = toName(properties.FunctionName as Value);
    return (arn) => arn === name;
  }
  if (type === "AWS::Logs::ResourcePolicy") {
    // Of the account: one such policy is about every log group that it names.
    return (arn) => arn.startsWith(site.arn("logs", ""));
  }
  if (type === "AWS::KMS::Key") {
    const key = toStandInArn(site, logicalId, resource);
    return (arn) => arn === key;
  }
  throw new Error(`the evaluator does not know whose policy a ${type} carries; say it here`);
}

/** An ARN for a resource that AWS names; of one whose name is literal, its own. */
function toStandInArn(site: Configuration["site"], logicalId: string, resource: Resource | undefined): string {
  const { RoleName, QueueName, TopicName, BucketName } = resource?.properties ?? {};
  if (RoleName !== undefined) return site.arn("iam", `role/${toText(RoleName)}`, { region: "" });
  if (QueueName !== undefined) return site.arn("sqs", toText(QueueName));
  if (TopicName !== undefined) return site.arn("sns", toText(TopicName));
  if (BucketName !== undefined) return site.arn("s3", toText(BucketName), { region: "", account: "" });
  if (resource?.type === "AWS::KMS::Key") return site.arn("kms", `key/${logicalId.toLowerCase()}`);
  const service = resource?.type.split("::")[1]?.toLowerCase() ?? "unknown";
  return site.arn(service, `${logicalId.toLowerCase()}/standin`);
}
