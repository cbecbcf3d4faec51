import { readFileSync } from "node:fs";
import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { createDocument } from "./create-document.ts";

/*
 * The plugin of buf.gen.yaml that writes gen/openapi.json: the HTTP form of the methods as OpenAPI 3.1, from their
 * google.api.http annotations and the comments of the protos, and the byte routes beside them.
 */

const root = new URL("../../../", import.meta.url);

/** The members of a union of literals. The reasons are types, which do not exist in the running program. */
function readUnion(file: string, name: string): string[] {
  const source = readFileSync(new URL(file, root), "utf8");
  const [, after] = source.split(`export type ${name} =`);
  const [members] = after?.split(";") ?? [];
  if (members === undefined) throw new Error(`${file} has no type ${name} of literals`);
  return [...members.matchAll(/"([A-Z0-9_]+)"/g)].map(([, member]) => member as string);
}

const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { version: string };
const reasons = [
  ...readUnion("src/domain/errors.ts", "ErrorReason"),
  ...readUnion("src/rest/requests/rest-refusal.ts", "RestReason"),
];

runNodeJs(
  createEcmaScriptPlugin({
    name: "protoc-gen-sluice-openapi",
    version,
    generateTs: (schema) => {
      const document = createDocument(schema.files, { version, reasons: [...new Set(reasons)].sort() });
      schema.generateFile("openapi.json").print(JSON.stringify(document, null, 2));
    },
  }),
);
