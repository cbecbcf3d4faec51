import type { Configuration } from "../../generate-configuration.ts";
import { Policy } from "../../policy/policy.ts";
import { type ReadableType, textAt } from "../../template/readable-type.ts";
import { READABLE_TYPES } from "../../template/readable-types.ts";
import type { PlainMap } from "../comparison/plain.ts";
import { type ExpectedStatement, toLiteral, toStatements } from "./expected-statement.ts";
import { RESOURCE_MEANINGS } from "./resource-meanings.ts";
import { toRevert } from "./revert.ts";

/** A resource of the template beside buckets and roles, with its expected properties. */
export interface ExpectedResource {
  readonly logicalId: string;
  readonly type: string;
  /** Undefined for a type that is not read. */
  readonly readable: ReadableType | undefined;
  /** The resource in findings: `queue my-files-files`. */
  readonly label: string;
  readonly why: string;
  /** Every property, policies among them, with literal texts wherever they are known. */
  readonly properties: PlainMap;
  /** Statements of its policies, by the property that holds the document. */
  readonly policies: Readonly<Record<string, readonly ExpectedStatement[]>>;
  /** The consequence of a drift. */
  readonly drift: string;
  /** The mend that brings the resource back to what was generated. */
  readonly revert: string;
}

/** Types that are read by ways of their own. */
const OTHERWISE_READ: ReadonlySet<string> = new Set(["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::IAM::Role"]);

/** Every resource of the configuration that is no bucket, no bucket's policy and no role, in the template's order. */
export function listExpectedResources(configuration: Configuration): ExpectedResource[] {
  const resources = Object.entries(configuration.template.resources);
  return resources
    .filter(([, { type }]) => !OTHERWISE_READ.has(type))
    .map(([logicalId, { type, why, properties: said }]) => {
      const properties = toLiteral(configuration, said) as PlainMap;
      const readable = READABLE_TYPES[type];
      const { noun, drift } = RESOURCE_MEANINGS[type] ?? { noun: type, drift: "" };
      const name = readable?.name === undefined ? logicalId : toName(textAt(properties, readable.name));
      const policies = Object.entries(said).filter(([, value]) => value instanceof Policy);
      return {
        ...{ logicalId, type, readable, why, properties, drift },
        label: `${noun} ${name}`,
        policies: Object.fromEntries(policies.map(([key, value]) => [key, toStatements(configuration, value)])),
        revert: toRevert(configuration, logicalId),
      };
    });
}

/** The last part of a queue's URL or a topic's ARN; log groups and locations keep their slashes. */
function toName(text: string): string {
  return text.replace(/^https:\/\/.*\/|^arn:.*:/, "");
}
