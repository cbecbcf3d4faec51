import { expect } from "chai";
import { withServices } from "../../../testing/aws/golden-settings.ts";
import { createPolicyEvaluator } from "../../../testing/aws/policies/policy-evaluator.ts";
import { baseContext } from "../../../testing/aws/policies/sample-requests.ts";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

describe("SES", () => {
  const configuration = generateConfiguration(parseSettings(withServices(["ses"])));
  const evaluator = createPolicyEvaluator(configuration);
  const become = (sourceArn: string) =>
    evaluator.evaluate({
      principal: "ses.amazonaws.com",
      action: "sts:AssumeRole",
      resource: configuration.site.roleArn("ses"),
      context: { ...baseContext(configuration.site, "ses.amazonaws.com"), "aws:SourceArn": sourceArn },
    });

  it("becomes its role for rules of every region that receives mail, and of this account alone", async () => {
    expect(await become("arn:aws:ses:eu-west-1:111122223333:receipt-rule-set/mail:receipt-rule/keep")).to.equal(
      "Allowed",
    );
    expect(await become("arn:aws:ses:eu-west-1:999988887777:receipt-rule-set/mail:receipt-rule/keep")).to.not.equal(
      "Allowed",
    );
  });
});
