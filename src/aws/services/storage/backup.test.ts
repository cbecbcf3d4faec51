import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";
import { FreeForm } from "../../template/value.ts";

function connect(options: object | true) {
  const { template, connections } = generateConfiguration(
    parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      residency: ["eu-central-1", "eu-west-1"],
      services: { backup: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

describe("AWS Backup", () => {
  it("makes a vault, a plan and a role for this bucket, and no role that restores", () => {
    const { resources } = connect(true);
    expect(resources.BackupVault?.isRetained).to.equal(true);
    expect(resources.BackupSelection?.properties).to.have.nested.property(
      "BackupSelection.Resources[0]",
      "arn:aws:s3:::my-files",
    );
    expect(resources).to.not.have.property("BackupRestoreRole");
  });

  it("uses a vault that exists, backs up continuously and restores where asked", () => {
    const { resources } = connect({ vaultName: "main", continuous: true, restore: true });
    expect(resources).to.not.have.property("BackupVault");
    const rule = "BackupPlan.BackupPlanRule[0]";
    expect(resources.BackupPlan?.properties).to.have.nested.property(`${rule}.TargetBackupVault`, "main");
    expect(resources.BackupPlan?.properties).to.have.nested.property(`${rule}.EnableContinuousBackup`, true);
    expect(JSON.stringify(resources.BackupRestoreRole)).to.contain("s3:PutObject");
  });

  it("tags vault, plan and backups by maps", () => {
    const { template } = generateConfiguration(
      parseSettings({
        bucket: "my-files",
        region: "eu-central-1",
        account: "111122223333",
        tags: { Team: "files" },
        services: { backup: true },
      }),
    );
    expect(template.resources.BackupVault?.properties.BackupVaultTags).to.deep.equal(
      new FreeForm("map", { Team: "files" }),
    );
    expect(template.resources.BackupPlan?.properties.BackupPlanTags).to.deep.equal(
      new FreeForm("map", { Team: "files" }),
    );
  });

  it("refuses to keep a continuous backup longer than AWS does", () => {
    expect(() => connect({ continuous: true, keepDays: 36 })).to.throw(AggregateError, /35 days at most, not 36/);
  });
});
