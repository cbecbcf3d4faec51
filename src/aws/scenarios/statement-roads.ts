import type { Configuration } from "../generate-configuration.ts";
import type { OwnStatement } from "../settings/own-statements.ts";
import type { Site } from "../template/site.ts";
import { type Request, type Scenario, STRANGER } from "./scenario.ts";

type Says = NonNullable<Request["says"]>;

/** What statements of one's own open: what they say, and nothing past the bucket's guards. Conditions of theirs are not guessed. */
export function listStatementRoads({ site, settings }: Configuration): Scenario[] {
  const { ageSecondsMax } = settings.presign;
  return settings.statements.flatMap((statement) => {
    const step = toStep(site, statement);
    if (step === undefined) return [];
    const { Sid, Condition } = statement;
    const by = (says: Says): Request[] => [{ ...step, says: { ...step.says, ...says } }];
    const old = { "s3:authType": "REST-QUERY-STRING", "s3:signatureAge": String((ageSecondsMax + 1) * 1000) };
    const another = site.arn("iam", "role/another", { region: "", account: STRANGER });
    return [
      ...(Condition === undefined ? [{ road: `what ${Sid} allows is done`, isOpen: true, steps: by({}) }] : []),
      {
        road: `what ${Sid} allows is done over plaintext`,
        isOpen: false,
        steps: by({ "aws:SecureTransport": "false" }),
      },
      ...(step.resource.includes("/")
        ? [{ road: `what ${Sid} allows is done by a URL that is too old`, isOpen: false, steps: by(old) }]
        : []),
      {
        road: `what ${Sid} allows is done by a third account`,
        isOpen: false,
        steps: [{ ...step, principal: another }],
      },
    ];
  });
}

/** The first request that a statement allows, by its first principal; undefined for denials, and for AWS services. */
function toStep(site: Site, { Effect, Principal, Action, Resource }: OwnStatement): Request | undefined {
  const who = Principal.AWS?.[0];
  if (Effect === "Deny" || who === undefined) return undefined;
  const account = /^\d{12}$/.test(who) ? who : /:iam::(\d{12}):root$/.exec(who)?.[1];
  const principal = account === undefined ? who : site.arn("iam", "role/somebody", { region: "", account });
  const resource = (Resource[0] as string).replaceAll(/[*?]/g, "a");
  return { principal, action: Action[0] as string, resource };
}
