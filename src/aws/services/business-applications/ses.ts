import { z } from "zod";
import { createRole, trustService } from "../../policy/role.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const PERMISSIONS = "https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html";
const ACTION = "https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-s3.html";

/** A role by which received mail is kept. */
export const SES = defineService({
  name: "ses",
  title: "Amazon SES",
  gets: "a role for receipt rules, which write received mail below the external prefix",
  road: ["role"],
  source: PERMISSIONS,
  partitions: ["aws"],
  options: z.strictObject({}),
  connect(site) {
    const prefix = `${site.externalPrefix}ses/`;
    return {
      resources: {
        SesRole: createRole(site, {
          purpose: "ses",
          why: `Receipt rules write each mail under ${prefix}. SES needs a role where the bucket's region receives no mail, and where a KMS key encrypts.`,
          source: PERMISSIONS,
          trusts: [
            trustService(site, "ses", {
              why: "Receipt rules of this account assume the role, in any region that receives mail.",
              source: PERMISSIONS,
              sourceArn: site.arn("ses", "receipt-rule-set/*", { region: "*" }),
            }),
          ],
          statements: [
            {
              sid: "KeepMail",
              why: "SES writes the mail as it came, and reads nothing.",
              source: PERMISSIONS,
              actions: ["s3:PutObject"],
              resources: [site.objects(prefix)],
            },
          ],
        }),
      },
      outputs: {
        SesRoleArn: { description: "role of the action that delivers to S3", value: getAtt("SesRole", "Arn") },
      },
      notes: [
        `Give the rule's action "Deliver to S3 bucket" the role, bucket ${site.bucket} and the object key prefix ${prefix} (${ACTION}).`,
        "Leave the action's message encryption off: SES would encrypt on its own side, and nobody here could read the mail without SES's client.",
        "Mail is written by strangers: scan it before anybody opens it, such as by GuardDuty with this prefix.",
      ],
    };
  },
});
