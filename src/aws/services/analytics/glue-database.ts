import type { Site } from "../../template/site.ts";
import type { Connection } from "../aws-service.ts";

const CATALOG = "https://docs.aws.amazon.com/glue/latest/dg/define-database.html";

/** A database of the Glue Data Catalog: its name and its ARNs. */
export interface GlueDatabase {
  /** Small letters, digits and underscores, so that SQL needs no quotes. At most 255 characters. */
  readonly name: string;
  /** ARNs that a policy on the database must name: Glue checks the catalog and the database as well as the table. */
  readonly arns: readonly string[];
  /** The database as a resource and an output. Athena and Glue both bring it, letter for letter the same; it is made once. */
  readonly connection: Required<Pick<Connection, "resources" | "outputs">>;
}

/** The database that describes the data under the external prefix. */
export function createGlueDatabase(site: Site): GlueDatabase {
  const name = site.nameOf("external", 255).replaceAll("-", "_");
  const arns = ["catalog", `database/${name}`, `table/${name}/*`].map((resource) => site.arn("glue", resource));
  return {
    name,
    arns,
    connection: {
      resources: {
        GlueDatabase: {
          type: "AWS::Glue::Database",
          why: `Describes the data under ${site.externalPrefix} as tables. It holds no data, and is deleted with the stack.`,
          source: CATALOG,
          properties: {
            CatalogId: site.account,
            DatabaseInput: { Name: name, Description: `Data under ${site.externalPrefix} of ${site.bucket}` },
          },
        },
      },
      outputs: { GlueDatabaseName: { description: "database of the Glue Data Catalog", value: name } },
    },
  };
}
