import { z } from "zod";
import { createRole, type Trust, tagsOf, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource, ref } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const S3_LOCATION = "https://docs.aws.amazon.com/datasync/latest/userguide/create-s3-location.html";

/** Locations of the bucket for DataSync tasks: the files to copy from, the external prefix to copy to. */
export const DATASYNC = defineService({
  name: "datasync",
  title: "AWS DataSync",
  gets: "a location to copy files from, and one below the external prefix to copy into, each with its own role",
  road: ["role"],
  source: S3_LOCATION,
  options: z.strictObject({
    direction: z
      .enum(["from", "to", "both"])
      .default("both")
      .describe("`from`: files are copied out of the bucket. `to`: data comes in below the external prefix."),
  }),
  connect(site, { direction }) {
    const prefix = `${site.externalPrefix}datasync/`;
    const isFrom = direction !== "to";
    const isTo = direction !== "from";
    return {
      resources: {
        ...(isFrom && {
          DatasyncReadRole: createReadRole(site),
          DatasyncFilesLocation: createLocation(site, {
            subdirectory: site.keyPrefix,
            role: "DatasyncReadRole",
            why: "Source of tasks that copy files out of the bucket.",
          }),
        }),
        ...(isTo && {
          DatasyncWriteRole: createWriteRole(site, prefix),
          DatasyncExternalLocation: createLocation(site, {
            subdirectory: prefix,
            role: "DatasyncWriteRole",
            why: `Destination of tasks that bring data in, under ${prefix}.`,
          }),
        }),
      },
      outputs: {
        ...(isFrom && {
          DatasyncFilesLocationArn: {
            description: "DataSync location to copy files from",
            value: ref("DatasyncFilesLocation"),
          },
        }),
        ...(isTo && {
          DatasyncExternalLocationArn: {
            description: "DataSync location to copy into",
            value: ref("DatasyncExternalLocation"),
          },
        }),
      },
      notes: [
        "Copies made by a task are outside of Sluice's reach: files that are purged or erased here stay in them.",
        `The residency (${site.residency.join(", ")}) binds the destination of a task as well; DataSync does not check it.`,
      ],
    };
  },
});

function createLocation(
  site: Site,
  { subdirectory, role, why }: { subdirectory: string; role: string; why: string },
): Resource {
  return {
    type: "AWS::DataSync::LocationS3",
    why,
    source: S3_LOCATION,
    properties: {
      S3BucketArn: site.bucketArn,
      Subdirectory: `/${subdirectory}`,
      S3StorageClass: "STANDARD",
      S3Config: { BucketAccessRoleArn: getAtt(role, "Arn") },
      ...tagsOf(site),
    },
    // DataSync tries the role on the bucket when the location is made.
    dependsOn: ["DataBucketPolicy"],
  };
}

function createReadRole(site: Site): Resource {
  return createRole(site, {
    purpose: "datasync-read",
    why: "DataSync reads files, and writes none.",
    source: S3_LOCATION,
    trusts: [createTrust(site)],
    statements: [
      createBucketStatement(site),
      {
        sid: "ReadFiles",
        why: "DataSync reads files with their versions and tags.",
        source: S3_LOCATION,
        actions: [
          ...["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"],
          "s3:ListMultipartUploadParts",
        ],
        resources: [site.objects(site.keyPrefix)],
      },
    ],
  });
}

function createWriteRole(site: Site, prefix: string): Resource {
  return createRole(site, {
    purpose: "datasync-write",
    why: `DataSync writes under ${prefix}, compares the objects there, and removes those that a task tells it to remove.`,
    source: S3_LOCATION,
    trusts: [createTrust(site)],
    statements: [
      createBucketStatement(site),
      {
        sid: "KeepCopies",
        why: "DataSync writes objects in parts, with tags, and reads them back to verify them.",
        source: S3_LOCATION,
        actions: [
          ...["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
          ...["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"],
          "s3:DeleteObject",
        ],
        resources: [site.objects(prefix)],
      },
    ],
  });
}

function createTrust(site: Site): Trust {
  return trustService(site, "datasync", {
    why: "Locations and tasks of this account and region; a location has no ARN yet when it is made.",
    source: "https://docs.aws.amazon.com/datasync/latest/userguide/cross-service-confused-deputy-prevention.html",
    sourceArn: site.arn("datasync", "*"),
  });
}

function createBucketStatement(site: Site) {
  return {
    sid: "SeeTheBucket",
    why: "DataSync checks the bucket and lists it. AWS documents no prefix condition for that, and a location whose check is refused cannot be made.",
    source: S3_LOCATION,
    actions: ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
    resources: [site.bucketArn],
  };
}
