import { create, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { ExportAuditResponseSchema } from "../../../gen/sluice/v1/audit_service_pb.ts";

/** An entry of an export, or its end. */
export type ExportContent = NonNullable<MessageInitShape<typeof ExportAuditResponseSchema>["content"]>;

/** The line of a file with an export: the message as JSON, as REST sends it, and a line break. */
export function toExportLine(content: ExportContent): string {
  const message = create(ExportAuditResponseSchema, { content });
  return `${JSON.stringify(toJson(ExportAuditResponseSchema, message, { alwaysEmitImplicit: true }))}\n`;
}
