import { stringify } from "yaml";
import { ALARM_LIST, type Alarm, type AlarmName, toCamelCase, toCondition } from "./alarms.ts";
import { CLOUDWATCH } from "./dialect.ts";
import { PANELS, type Panel } from "./panels.ts";
import { RUNBOOK } from "./runbook.ts";

/** How often CloudWatch asks, in seconds. Each look of a ticket's may read three days of samples. */
const INTERVAL_SECONDS = { page: 60, ticket: 300 } as const;

/** An alarm ends when its trouble has been gone for so long, in seconds: one good look in between proves nothing. */
const RECOVERY_SECONDS = 300;

const TOPICS = { page: "PageTopicArn", ticket: "TicketTopicArn" } as const;

/**
 * The CloudFormation template of the alarms. Metrics that came by OTLP have no form that a classic alarm could watch, so that each is
 * an alarm on a question in PromQL:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-promql.html
 */
export function createAlarmsTemplate(): string {
  const topic = (what: string) => ({
    Type: "String",
    AllowedPattern: "arn:aws[a-z-]*:sns:.+",
    Description: `SNS topic that ${what}`,
  });
  return stringify(
    {
      AWSTemplateFormatVersion: "2010-09-09",
      Description: "Alarms of Sluice on the metrics that it sends to CloudWatch by OTLP",
      Parameters: {
        PageTopicArn: topic("wakes somebody"),
        TicketTopicArn: topic("is read on the next working day"),
        RunbookUrl: { Type: "String", Default: RUNBOOK, Description: "Where whoever gets an alarm finds the runbook" },
      },
      Resources: Object.fromEntries(ALARM_LIST.map(([name, alarm]) => [toCamelCase(name), toResource(name, alarm)])),
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

function toResource(name: AlarmName, alarm: Alarm): object {
  const { severity, says, forSeconds } = alarm;
  const actions = [{ Ref: TOPICS[severity] }];
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmName: { "Fn::Sub": `\${AWS::StackName}-${name}` },
      AlarmDescription: { "Fn::Sub": `${says}. \${RunbookUrl}#${name}` },
      EvaluationCriteria: {
        PromQLCriteria: {
          Query: toCondition(alarm, CLOUDWATCH),
          PendingPeriod: forSeconds,
          RecoveryPeriod: RECOVERY_SECONDS,
        },
      },
      EvaluationInterval: INTERVAL_SECONDS[severity],
      AlarmActions: actions,
      OKActions: actions,
    },
  };
}

const COLUMNS = 2;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 7;

/** The CloudFormation template of the dashboard. */
export function createDashboardTemplate(): string {
  const body = JSON.stringify({ start: "-PT6H", widgets: PANELS.map(toWidget) }, null, 2);
  return stringify(
    {
      AWSTemplateFormatVersion: "2010-09-09",
      Description: "Dashboard of Sluice over the metrics that it sends to CloudWatch by OTLP",
      Resources: {
        Dashboard: {
          Type: "AWS::CloudWatch::Dashboard",
          Properties: { DashboardName: { Ref: "AWS::StackName" }, DashboardBody: { "Fn::Sub": body } },
        },
      },
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

/** A widget that draws answers in PromQL; those of the type "metric" know the classic metrics alone. */
function toWidget({ title, lines }: Panel, index: number): object {
  const queries = lines.map(({ name, query }, at) => ({
    id: `q${at}`,
    type: "cloudwatch-metrics",
    language: "PromQL",
    query: query(CLOUDWATCH),
    step: 60,
    ...(name !== "" && { label: name }),
  }));
  return {
    type: "chart",
    ...{ x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT, width: WIDTH, height: HEIGHT },
    properties: { title, view: "line", region: `\${AWS::Region}`, data: { queries } },
  };
}
