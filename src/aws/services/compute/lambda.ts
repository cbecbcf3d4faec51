import { z } from "zod";
import { findForeignArn } from "../../policy/local-arn.ts";
import { createRole, ofThisAccountIfNamed, readObjects } from "../../policy/role.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { createDeadLetterQueue } from "../dead-letter-queue.ts";
import { createFileFilter, createFileRule, fileRuleArn, noteGate } from "../event-rule.ts";

const WITH_S3 = "https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html";
const EXECUTION_ROLE = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html";
const PERMISSIONS = "https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html";
/** Characters of a function's name that identify the bucket; Lambda allows 64, and the rest is for its purpose. */
const NAME_STEM_LENGTH_MAX = 48;

/** A role for functions that read files, and the notification of one function. */
export const LAMBDA = defineService({
  name: "lambda",
  title: "AWS Lambda",
  gets: "an execution role that reads files and writes its own logs; a named function is called for new files",
  road: ["role", "notification"],
  source: WITH_S3,
  options: z.strictObject({
    functionArn: z
      .string()
      .regex(
        /^arn:aws(-cn|-us-gov)?:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?$/,
        'a function is named by its ARN: "arn:aws:lambda:eu-central-1:111122223333:function:my-function"',
      )
      .optional()
      .meta({
        description: "ARN of a function (or its alias or version) that is called for every new file.",
        examples: ["arn:aws:lambda:eu-central-1:111122223333:function:on-file"],
      }),
    delivery: z
      .enum(["eventbridge", "direct"])
      .default("eventbridge")
      .describe("`direct`: S3 calls the function itself; exclusive with direct delivery to another service."),
  }),
  findProblems(site, { functionArn, delivery }) {
    const missing = "direct delivery needs a function to call: name it as services.lambda.functionArn";
    return [
      ...findForeignArn(site, functionArn, { path: ["services", "lambda", "functionArn"] }),
      ...(functionArn === undefined && delivery === "direct"
        ? [new SettingsProblem(missing, ["services", "lambda", "delivery"])]
        : []),
    ];
  },
  connect(site, { functionArn, delivery }) {
    // The ARN's seventh part is the function's name.
    const functionName = functionArn?.split(":")[6] ?? `${site.nameOf("", NAME_STEM_LENGTH_MAX)}*`;
    const isDirect = delivery === "direct";
    return {
      resources: {
        LambdaRole: createLambdaRole(site, functionName),
        ...(functionArn !== undefined && { LambdaPermission: createPermission(site, functionArn, isDirect) }),
        ...(functionArn !== undefined && !isDirect && createRule(site, functionArn)),
      },
      ...(functionArn !== undefined &&
        isDirect && {
          bucketProperties: {
            NotificationConfiguration: {
              LambdaConfigurations: [
                { Event: "s3:ObjectCreated:*", Function: functionArn, Filter: createFileFilter(site) },
              ],
            },
          },
          bucketDependsOn: ["LambdaPermission"],
        }),
      outputs: {
        LambdaRoleArn: {
          description: "execution role for functions that read files",
          value: getAtt("LambdaRole", "Arn"),
        },
      },
      notes: [
        `The execution role may log to /aws/lambda/${functionName} alone: name functions that use it accordingly.`,
        "The function is called at least once for each file, and sometimes twice: it must be able to do the same work twice without harm.",
        ...(functionArn === undefined ? [] : noteGate(site, delivery)),
      ],
    };
  },
});

function createLambdaRole(site: Site, functionName: string): Resource {
  const logGroup = site.arn("logs", `log-group:/aws/lambda/${functionName}`);
  return createRole(site, {
    purpose: "lambda",
    why: "The role of functions that work on files: they may read files, and write their own logs.",
    source: EXECUTION_ROLE,
    trusts: [
      {
        sid: "AssumedByTheService",
        why: "Lambda assumes the role for functions of this account: a role can only be passed to a function of its own account, and Lambda documents no source that it names.",
        source: EXECUTION_ROLE,
        principal: { services: [site.principal("lambda")] },
        conditions: ofThisAccountIfNamed(site),
      },
    ],
    statements: [
      readObjects(site, site.keyPrefix, { why: "Functions read the files that they are told of.", source: WITH_S3 }),
      {
        sid: "WriteLogs",
        why: "Functions that use this role write to their own log groups, and to no others.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",
        actions: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        resources: [logGroup, `${logGroup}:*`],
      },
    ],
  });
}

function createPermission(site: Site, functionArn: string, isDirect: boolean): Resource {
  return {
    type: "AWS::Lambda::Permission",
    why: isDirect ? "S3 may call the function, for this bucket." : "EventBridge may call the function, for this rule.",
    source: PERMISSIONS,
    properties: {
      Action: "lambda:InvokeFunction",
      FunctionName: functionArn,
      Principal: site.principal(isDirect ? "s3" : "events"),
      // A bucket's ARN names no account. A rule's ARN does, and EventBridge calls no function whose permission names the
      // account a second time: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
      ...(isDirect && { SourceAccount: site.account }),
      SourceArn: isDirect ? site.bucketArn : fileRuleArn(site, "lambda"),
    },
  };
}

function createRule(site: Site, functionArn: string): Record<string, Resource> {
  return {
    ...createDeadLetterQueue(site, {
      logicalId: "LambdaDeadLetterQueue",
      purpose: "lambda-undelivered",
      ruleArn: fileRuleArn(site, "lambda"),
    }),
    LambdaRule: createFileRule(site, {
      purpose: "lambda",
      why: "Calls the function for new files.",
      target: {
        Id: "function",
        Arn: functionArn,
        DeadLetterConfig: { Arn: getAtt("LambdaDeadLetterQueue", "Arn") },
      },
    }),
  };
}
