import { z } from "zod";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { FreeForm, type Properties } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";
import { createGlueDatabase } from "./glue-database.ts";

const LOCATION = "https://docs.aws.amazon.com/lake-formation/latest/dg/register-location.html";
const ROLE = "https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html";
const PERMISSIONS = "https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html";
const HYBRID = "https://docs.aws.amazon.com/lake-formation/latest/dg/hybrid-access-mode.html";

/** The location of the data in Lake Formation, and the permissions of the services that use the Glue database. */
export const LAKE_FORMATION = defineService({
  name: "lake-formation",
  title: "AWS Lake Formation",
  gets: "the external prefix as a registered location with its role, and permissions on the database for the roles of Glue and Athena where these are on",
  road: ["role"],
  source: LOCATION,
  options: z.strictObject({
    hybrid: z
      .boolean()
      .default(true)
      .describe("Whether IAM goes on to decide for principals that Lake Formation has not been told of."),
  }),
  connect(site, { hybrid }) {
    const database = createGlueDatabase(site);
    return {
      resources: {
        ...database.connection.resources,
        LakeFormationRole: createLocationRole(site),
        LakeFormationLocation: {
          type: "AWS::LakeFormation::Resource",
          why: `Lake Formation decides who reads the data under ${site.externalPrefix}${hybrid ? "; IAM goes on to decide for whom it has not been told of" : ", and IAM no longer does"}.`,
          source: hybrid ? HYBRID : LOCATION,
          properties: {
            ResourceArn: locationArn(site),
            UseServiceLinkedRole: false,
            RoleArn: getAtt("LakeFormationRole", "Arn"),
            HybridAccessEnabled: hybrid,
          },
          dependsOn: ["DataBucket"],
        },
        ...(site.catalogUsers.includes("glue") && createCrawlerGrants(site, database.name)),
        ...(site.catalogUsers.includes("athena") && createQueryGrants(site, database.name)),
      },
      outputs: {
        ...database.connection.outputs,
        LakeFormationRoleArn: { description: "role of the location", value: getAtt("LakeFormationRole", "Arn") },
      },
      notes: [
        "Whoever deploys must be a data lake administrator of Lake Formation and may pass the location's role; otherwise the location and the permissions are refused.",
        "The role of the location reads alone: queries write their results by their own rights.",
        `Analysts of your own need SELECT on the tables of ${database.name}; they are granted where they are defined.`,
        ...(site.catalogUsers.length === 0
          ? ["Neither Glue nor Athena is switched on: nobody has been granted anything."]
          : []),
      ],
    };
  },
});

function locationArn(site: Site): string {
  return `${site.bucketArn}/${site.externalPrefix.slice(0, -1)}`;
}

function createLocationRole(site: Site): Resource {
  const why = "Lake Formation assumes the role for the location, and gives its sessions to query engines.";
  return createRole(site, {
    purpose: "lake-formation",
    why: `Reads the data under ${site.externalPrefix} for whom Lake Formation lets read it.`,
    source: ROLE,
    trusts: [
      {
        ...trustService(site, "lakeformation", { why, source: ROLE, isUndocumented: true }),
        sid: "AssumedByLakeFormation",
      },
      {
        ...trustService(site, "glue", { why: "Glue does so for its own jobs.", source: ROLE, isUndocumented: true }),
        sid: "AssumedByGlue",
      },
    ],
    statements: [
      readObjects(site, site.externalPrefix, {
        sid: "ReadData",
        why: "Queries read the data of tables.",
        source: ROLE,
      }),
      listObjects(site, site.externalPrefix, { sid: "ListData", why: "A table is a prefix of keys.", source: ROLE }),
    ],
  });
}

/** The crawler makes tables in the database, of data in the location. */
function createCrawlerGrants(site: Site, database: string): Record<string, Resource> {
  return {
    LakeFormationCrawlerLocation: createGrant(site, "glue", {
      why: "The crawler may make tables of the data in the location.",
      resource: { DataLocation: { CatalogId: site.account, ResourceArn: locationArn(site) } },
      permissions: ["DATA_LOCATION_ACCESS"],
      dependsOn: ["LakeFormationLocation", "GlueRole"],
    }),
    LakeFormationCrawlerDatabase: createGrant(site, "glue", {
      why: "The crawler makes and changes tables of the database. What it has made it may change by that alone.",
      resource: { Database: { CatalogId: site.account, Name: database } },
      permissions: ["CREATE_TABLE", "ALTER", "DESCRIBE"],
      dependsOn: ["GlueDatabase", "GlueRole"],
    }),
  };
}

function createQueryGrants(site: Site, database: string): Record<string, Resource> {
  const dependsOn = ["GlueDatabase", "AthenaRole"];
  return {
    LakeFormationQueryDatabase: createGrant(site, "athena", {
      why: "Queries find the database.",
      resource: { Database: { CatalogId: site.account, Name: database } },
      permissions: ["DESCRIBE"],
      dependsOn,
    }),
    LakeFormationQueryTables: createGrant(site, "athena", {
      why: "Queries read every table of the database, those that come later too.",
      resource: {
        Table: { CatalogId: site.account, DatabaseName: database, TableWildcard: new FreeForm("json", {}) },
      },
      permissions: ["SELECT", "DESCRIBE"],
      dependsOn,
    }),
  };
}

function createGrant(
  site: Site,
  purpose: string,
  grant: { why: string; resource: Properties; permissions: readonly string[]; dependsOn: readonly string[] },
): Resource {
  return {
    type: "AWS::LakeFormation::PrincipalPermissions",
    why: grant.why,
    source: PERMISSIONS,
    properties: {
      Catalog: site.account,
      Principal: { DataLakePrincipalIdentifier: site.roleArn(purpose) },
      Resource: grant.resource,
      Permissions: grant.permissions,
      PermissionsWithGrantOption: [],
    },
    dependsOn: grant.dependsOn,
  };
}
