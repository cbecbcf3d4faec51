import type { Configuration } from "../../generate-configuration.ts";
import { toStackName } from "../../print/print-terraform.ts";
import { isStacked, toAddress } from "../../print/terraform-values.ts";

/** The command that brings a drifted resource back to the template. Deploying an unchanged template does not do that. */
export const REVERT_DRIFT =
  "aws cloudformation create-change-set --stack-name STACK --change-set-name revert-drift --deployment-mode REVERT_DRIFT " +
  "--use-previous-template --capabilities CAPABILITY_NAMED_IAM, review it, then aws cloudformation execute-change-set " +
  "--stack-name STACK --change-set-name revert-drift";

/**
 * The mend that brings a resource back to what was generated, for both ways in which it may have been deployed. Terraform
 * reads what is live before it plans, so an apply mends drift; what lies in a stack of its own it does not see.
 */
export function toRevert({ site, template }: Pick<Configuration, "site" | "template">, logicalId: string): string {
  const isOfStack = isStacked(template.resources[logicalId]?.type ?? "");
  const terraform = isOfStack
    ? `the same for stack ${toStackName(site, logicalId)}, which Terraform does not look into`
    : `terraform apply -target=${toAddress(template, logicalId)}`;
  return `${REVERT_DRIFT}; with Terraform: ${terraform}`;
}
