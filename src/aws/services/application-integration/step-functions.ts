import { z } from "zod";
import { findForeignArn } from "../../policy/local-arn.ts";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { createDeadLetterQueue } from "../dead-letter-queue.ts";
import { createFileRule, fileRuleArn, noteGate } from "../event-rule.ts";

const ROLE = "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html";
const DISTRIBUTED_MAP = "https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html";
const STARTED_BY_RULES = "https://docs.aws.amazon.com/step-functions/latest/dg/tutorial-cloudwatch-events-s3.html";

/** A role for state machines that read files, and the start of one of them. */
export const STEP_FUNCTIONS = defineService({
  name: "step-functions",
  title: "AWS Step Functions",
  gets: "a role for state machines that read files and write results below the external prefix; a named state machine is started for new files",
  road: ["role", "notification"],
  source: STARTED_BY_RULES,
  options: z.strictObject({
    stateMachineArn: z
      .string()
      .regex(
        /^arn:aws(-cn|-us-gov)?:states:[a-z0-9-]+:\d{12}:stateMachine:[A-Za-z0-9_-]{1,80}$/,
        'a state machine is named by its ARN: "arn:aws:states:eu-central-1:111122223333:stateMachine:my-machine"',
      )
      .optional()
      .meta({
        description: "ARN of a state machine that is started for every new file.",
        examples: ["arn:aws:states:eu-central-1:111122223333:stateMachine:on-file"],
      }),
  }),
  findProblems(site, { stateMachineArn }) {
    return findForeignArn(site, stateMachineArn, { path: ["services", "step-functions", "stateMachineArn"] });
  },
  connect(site, { stateMachineArn }) {
    const prefix = `${site.externalPrefix}step-functions/`;
    return {
      resources: {
        StepFunctionsRole: createMachineRole(site, prefix),
        ...(stateMachineArn !== undefined && createStart(site, stateMachineArn)),
      },
      outputs: {
        StepFunctionsRoleArn: {
          description: "role for state machines that read files",
          value: getAtt("StepFunctionsRole", "Arn"),
        },
      },
      notes: [
        `State machines write under ${prefix}; give a ResultWriter that prefix.`,
        "Other calls of a state machine (functions, its own child executions of a distributed map) are not in the role: add them where the machine is defined.",
        ...(stateMachineArn === undefined ? [] : noteGate(site, "eventbridge")),
      ],
    };
  },
});

function createMachineRole(site: Site, prefix: string): Resource {
  return createRole(site, {
    purpose: "step-functions",
    why: `State machines read files, and keep results under ${prefix}.`,
    source: ROLE,
    trusts: [
      trustService(site, "states", {
        why: "State machines of this account and region assume the role.",
        source: ROLE,
        sourceArn: site.arn("states", "stateMachine:*"),
      }),
    ],
    statements: [
      readObjects(site, site.keyPrefix, { sid: "ReadFiles", why: "Steps read files.", source: DISTRIBUTED_MAP }),
      listObjects(site, site.keyPrefix, {
        sid: "ListFiles",
        why: "An ItemReader of a distributed map goes through the files.",
        source: DISTRIBUTED_MAP,
      }),
      {
        sid: "KeepResults",
        why: "Steps write and read back results; a ResultWriter writes them in parts.",
        source: DISTRIBUTED_MAP,
        actions: ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
        resources: [site.objects(prefix)],
      },
    ],
  });
}

function createStart(site: Site, stateMachineArn: string): Record<string, Resource> {
  return {
    ...createDeadLetterQueue(site, {
      logicalId: "StepFunctionsDeadLetterQueue",
      purpose: "step-functions-undelivered",
      ruleArn: fileRuleArn(site, "step-functions"),
    }),
    StepFunctionsStartRole: createRole(site, {
      purpose: "step-functions-start",
      why: "EventBridge starts the state machine, and nothing else.",
      source: STARTED_BY_RULES,
      trusts: [
        trustService(site, "events", {
          why: "EventBridge assumes the role for the rule of this template.",
          source:
            "https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html",
          sourceArn: fileRuleArn(site, "step-functions"),
        }),
      ],
      statements: [
        {
          sid: "StartExecutions",
          why: "EventBridge starts one execution for each new file.",
          source: STARTED_BY_RULES,
          actions: ["states:StartExecution"],
          resources: [stateMachineArn],
        },
      ],
    }),
    StepFunctionsRule: createFileRule(site, {
      purpose: "step-functions",
      why: "Starts the state machine for new files.",
      target: {
        Id: "state-machine",
        Arn: stateMachineArn,
        RoleArn: getAtt("StepFunctionsStartRole", "Arn"),
        DeadLetterConfig: { Arn: getAtt("StepFunctionsDeadLetterQueue", "Arn") },
      },
    }),
  };
}
