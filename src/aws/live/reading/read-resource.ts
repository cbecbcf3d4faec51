import { type CloudControlClient, GetResourceCommand, ListResourcesCommand } from "@aws-sdk/client-cloudcontrol";
import { LiveAwsProblem, RESOURCES_LISTED_MAX } from "../comparison/live-facets.ts";
import { type Plain, type PlainMap, toPlain } from "../comparison/plain.ts";

/** Properties of the resource, in CloudFormation's form. Throws the SDK's errors. */
export async function readResource(
  cloudControl: CloudControlClient,
  { type, identifier, signal }: { type: string; identifier: string; signal: AbortSignal },
): Promise<PlainMap> {
  const command = new GetResourceCommand({ TypeName: type, Identifier: identifier });
  const { ResourceDescription } = await cloudControl.send(command, { abortSignal: signal });
  const properties = ResourceDescription?.Properties;
  // A server that answers 200 to anything would make every resource look changed.
  if (properties === undefined) throw new LiveAwsProblem("failed", "the answer has no properties");
  return toPlain(JSON.parse(properties)) as PlainMap;
}

/** Identifiers of the resources of a type, at most RESOURCES_LISTED_MAX. Throws the SDK's errors. */
export async function listResources(
  cloudControl: CloudControlClient,
  { type, within, signal }: { type: string; within: Plain | undefined; signal: AbortSignal },
): Promise<string[]> {
  const all: string[] = [];
  let next: string | undefined;
  do {
    const command = new ListResourcesCommand({
      TypeName: type,
      ...(within !== undefined && { ResourceModel: JSON.stringify(within) }),
      ...(next !== undefined && { NextToken: next }),
    });
    const { ResourceDescriptions = [], NextToken } = await cloudControl.send(command, { abortSignal: signal });
    all.push(...ResourceDescriptions.flatMap(({ Identifier }) => Identifier ?? []));
    // A page without members and with a token would go on for ever.
    next = ResourceDescriptions.length === 0 ? undefined : NextToken;
  } while (next !== undefined && all.length < RESOURCES_LISTED_MAX);
  return all.slice(0, RESOURCES_LISTED_MAX);
}
