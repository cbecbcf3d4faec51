import { expect } from "chai";
import {
  type FindRegistrySchema,
  findRegistrySchemas,
  type RegistrySchema,
} from "../../testing/aws/templates/registry-schemas.ts";
import { READABLE_TYPES } from "./readable-types.ts";

/** Permissions of read handlers that nothing is read by, and that would let the reader do more. */
const NOT_TAKEN = ["iam:passrole", "kms:decrypt", "vpc-lattice:describeservicenetworkvpcendpointassociation"];

describe("the types that verify reads, beside CloudFormation's registry", () => {
  let findSchema: FindRegistrySchema;

  before(async function () {
    const found = await findRegistrySchemas();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      return this.skip();
    }
    findSchema = found;
  });

  for (const [type, { found, read, writeOnly = [] }] of Object.entries(READABLE_TYPES)) {
    it(`reads ${type} under the permissions of its handlers, by its identifier`, async () => {
      const schema = (await findSchema(type)) as RegistrySchema;
      expect(toLower(read)).to.have.members(permissionsOf(schema, "read"));
      if (found.by === "list") expect(toLower(found.list)).to.have.members(permissionsOf(schema, "list"));
      const { primaryIdentifier, writeOnlyProperties = [] } = schema;
      // Only a list gives the identifier of a permission, of which the function's name is the first part.
      const parts = ["AWS::Lambda::Permission", "AWS::Logs::LogStream"].includes(type) ? 2 : 1;
      expect(primaryIdentifier).to.have.length(parts);
      const answered = writeOnlyProperties.filter((path) => writeOnly.includes(path.replace("/properties/", "")));
      expect(answered.map((path) => path.replace("/properties/", ""))).to.have.members(
        writeOnly.filter((name) => name !== "FunctionName"),
      );
    });
  }
});

function permissionsOf({ handlers }: RegistrySchema, handler: "read" | "list"): string[] {
  return toLower(handlers?.[handler]?.permissions ?? []).filter((permission) => !NOT_TAKEN.includes(permission));
}

function toLower(permissions: readonly string[]): string[] {
  return [...new Set(permissions.map((permission) => permission.toLowerCase()))];
}
