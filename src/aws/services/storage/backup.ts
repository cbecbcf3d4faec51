import { z } from "zod";
import type { Statement } from "../../policy/policy.ts";
import { createRole, ofThisAccountIfNamed, type Trust } from "../../policy/role.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource, ref } from "../../template/template.ts";
import { FreeForm } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";

const S3_BACKUPS = "https://docs.aws.amazon.com/aws-backup/latest/devguide/s3-backups.html";
const BACKUP_POLICY =
  "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceRolePolicyForS3Backup.html";
const RESTORE_POLICY =
  "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSBackupServiceRolePolicyForS3Restore.html";
/** Most days that a continuous backup of S3 is kept. */
const CONTINUOUS_DAYS_MAX = 35;

/** A plan that backs the bucket up, and the roles for it. */
export const BACKUP = defineService({
  name: "backup",
  title: "AWS Backup",
  gets: "a vault, a plan that backs up the bucket, and a role that reads it for that; if asked for, a role that restores into it",
  road: ["role"],
  source: S3_BACKUPS,
  options: z.strictObject({
    vaultName: z
      .string()
      .regex(/^[A-Za-z0-9_-]{2,50}$/, "a vault's name has 2 to 50 letters, digits, hyphens and underscores")
      .optional()
      .meta({
        description: "Name of an existing vault in this account and region; when left out, a vault is made.",
        examples: ["existing-vault"],
      }),
    schedule: z
      .string()
      .regex(/^cron\([^)]+\)$/, 'a schedule is a cron expression of AWS: "cron(0 3 * * ? *)"')
      .default("cron(0 3 * * ? *)")
      .meta({ description: "The times of backups, in UTC.", examples: ["cron(30 1 ? * SUN *)"] }),
    keepDays: z.int().min(1).max(36_500).default(35).describe("Days that a backup is kept."),
    continuous: z
      .boolean()
      .default(false)
      .describe("Whether to back up continuously, so that any second can be restored."),
    restore: z.boolean().default(false).describe("Whether to make the role that restores into the bucket."),
  }),
  findProblems(site, { keepDays, continuous, restore }) {
    const problems: SettingsProblem[] = [];
    const refuse = (option: string, sentence: string) =>
      problems.push(new SettingsProblem(sentence, ["services", "backup", option]));
    if (continuous && keepDays > CONTINUOUS_DAYS_MAX) {
      refuse(
        "keepDays",
        `a continuous backup is kept ${CONTINUOUS_DAYS_MAX} days at most, not ${keepDays}; set fewer keepDays or leave continuous off`,
      );
    }
    if (restore && site.gatedPrefixes.length > 0) {
      refuse(
        "restore",
        "backups keep the tag by which GuardDuty says that a file is clean, and behind its gate nobody but the scanner sets that tag: no such file could be restored; leave restore off until one is needed, and say guardduty.gate: false for as long as it lasts",
      );
    }
    return problems;
  },
  connect(site, { vaultName, schedule, keepDays, continuous, restore }) {
    const vault = vaultName ?? site.nameOf("backup", 50);
    return {
      resources: {
        ...(vaultName === undefined && { BackupVault: createVault(site, vault) }),
        BackupRole: createBackupRole(site),
        BackupPlan: createPlan(site, { vault, isOwnVault: vaultName === undefined, schedule, keepDays, continuous }),
        BackupSelection: createSelection(site),
        ...(restore && { BackupRestoreRole: createRestoreRole(site) }),
      },
      outputs: { BackupVaultName: { description: "vault of the backups", value: vault } },
      notes: [
        "Backups keep what is purged or erased in Sluice until they expire: an erasure is complete after keepDays, and a restore brings erased bytes back.",
        "A restored bucket needs a PostgreSQL database of the same time: keys without rows are no files.",
        "The settings of AWS Backup must opt in to Amazon S3, once in each account and region.",
        "Denials of the bucket also bind AWS Backup's role: with GuardDuty's gate shut (`guardduty` with `gate`) it backs up only files that were found clean, and reports each other object as one that it could not read. It is not let through, because a restore would give out files that were never scanned.",
        "AWS Backup needs versioning, which the bucket has, and adds rules named AwsBackupManagedRule to EventBridge by itself.",
      ],
    };
  },
});

function createVault(site: Site, name: string): Resource {
  return {
    type: "AWS::Backup::BackupVault",
    why: "Holds the backups, encrypted by AWS Backup's own key. It outlives the stack: a vault with backups cannot be deleted.",
    source: "https://docs.aws.amazon.com/aws-backup/latest/devguide/vaults.html",
    properties: {
      BackupVaultName: name,
      ...(Object.keys(site.tags).length > 0 && { BackupVaultTags: new FreeForm("map", site.tags) }),
    },
    isRetained: true,
  };
}

function createPlan(
  site: Site,
  plan: { vault: string; isOwnVault: boolean; schedule: string; keepDays: number; continuous: boolean },
): Resource {
  return {
    type: "AWS::Backup::BackupPlan",
    why: plan.continuous
      ? "The plan backs up continuously, with a snapshot at each run."
      : "The plan backs up at each run of the schedule.",
    source: "https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html",
    properties: {
      BackupPlan: {
        BackupPlanName: site.nameOf("backup", 50),
        BackupPlanRule: [
          {
            RuleName: "files",
            TargetBackupVault: plan.vault,
            ScheduleExpression: plan.schedule,
            Lifecycle: { DeleteAfterDays: plan.keepDays },
            EnableContinuousBackup: plan.continuous,
            ...(Object.keys(site.tags).length > 0 && { RecoveryPointTags: new FreeForm("map", site.tags) }),
          },
        ],
      },
      ...(Object.keys(site.tags).length > 0 && { BackupPlanTags: new FreeForm("map", site.tags) }),
    },
    ...(plan.isOwnVault && { dependsOn: ["BackupVault"] }),
  };
}

function createSelection(site: Site): Resource {
  return {
    type: "AWS::Backup::BackupSelection",
    why: "The plan covers this bucket alone, by its ARN.",
    source: "https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html",
    properties: {
      BackupPlanId: ref("BackupPlan"),
      BackupSelection: {
        SelectionName: site.nameOf("files", 50),
        IamRoleArn: getAtt("BackupRole", "Arn"),
        Resources: [site.bucketArn],
      },
    },
    dependsOn: ["DataBucket"],
  };
}

function createBackupRole(site: Site): Resource {
  return createRole(site, {
    purpose: "backup",
    why: "Allows for this bucket alone what AWS's managed policy for backups of S3 allows on every bucket.",
    source: BACKUP_POLICY,
    trusts: [createTrust(site)],
    keyActions: ["kms:DescribeKey"],
    statements: [
      {
        sid: "ReadTheBucket",
        why: "AWS Backup reads the settings and versions of the bucket. It adds an inventory and its own notification to follow changes.",
        source: BACKUP_POLICY,
        actions: [
          ...["s3:GetBucketLocation", "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketAcl"],
          ...["s3:ListBucket", "s3:ListBucketVersions", "s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"],
          ...["s3:GetBucketNotification", "s3:PutBucketNotification"],
        ],
        resources: [site.bucketArn],
      },
      {
        sid: "ReadObjects",
        why: "AWS Backup reads every object and version with its tags and ACL, Sluice's own and others'.",
        source: BACKUP_POLICY,
        actions: [
          ...["s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectTagging"],
          ...["s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
        ],
        resources: [site.objects()],
      },
      {
        sid: "FollowChanges",
        why: "AWS Backup makes these rules for itself; all have this name.",
        source: BACKUP_POLICY,
        actions: [
          ...["events:PutRule", "events:DeleteRule", "events:DescribeRule", "events:EnableRule", "events:DisableRule"],
          ...["events:PutTargets", "events:RemoveTargets", "events:ListTargetsByRule"],
        ],
        resources: [site.arn("events", "rule/AwsBackupManagedRule*")],
      },
      {
        sid: "LookAround",
        why: "AWS Backup finds its rules, its size metrics and the bucket by listing all. None of these actions supports a resource.",
        source: BACKUP_POLICY,
        actions: ["cloudwatch:GetMetricData", "events:ListRules", "s3:ListAllMyBuckets"],
        resources: ["*"],
      },
      {
        sid: "TagBackups",
        why: "Backups get the tags that the plan names.",
        source: BACKUP_POLICY,
        actions: ["backup:TagResource"],
        resources: [site.arn("backup", "recovery-point:*")],
      },
    ],
  });
}

function createRestoreRole(site: Site): Resource {
  const objects: Statement = {
    sid: "RestoreObjects",
    why: "A restore writes objects with their tags, in parts. ACLs are off in this bucket; AWS Backup asks for them all the same.",
    source: RESTORE_POLICY,
    actions: [
      ...["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectAcl", "s3:GetObjectVersionAcl"],
      ...["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:DeleteObject"],
      ...["s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
    ],
    resources: [site.objects()],
  };
  return createRole(site, {
    purpose: "backup-restore",
    why: "Restores into this bucket, and into no new one. The role is the only other writer of Sluice's own keys: pass it only while Sluice is stopped.",
    source: RESTORE_POLICY,
    trusts: [createTrust(site)],
    keyActions: ["kms:DescribeKey"],
    statements: [
      {
        sid: "SeeTheBucket",
        why: "AWS Backup checks where it restores to.",
        source: RESTORE_POLICY,
        actions: [
          ...["s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:GetBucketOwnershipControls"],
          ...["s3:ListBucket", "s3:ListBucketVersions"],
        ],
        resources: [site.bucketArn],
      },
      objects,
    ],
  });
}

function createTrust(site: Site): Trust {
  return {
    sid: "AssumedByTheService",
    why: "AWS Backup assumes the role. It documents no source that it names; another account's source is refused if it is named.",
    source: "https://docs.aws.amazon.com/aws-backup/latest/devguide/iam-service-roles.html",
    principal: { services: [site.principal("backup")] },
    conditions: ofThisAccountIfNamed(site),
  };
}
