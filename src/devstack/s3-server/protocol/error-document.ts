import { element, xmlDocument } from "./xml.ts";

/** The content of an `<Error>` document. `code` is free text, because scripted faults may name any code. */
export interface ErrorDocument {
  code: string;
  message: string;
  /** The path of the request. */
  resource: string;
  requestId: string;
  details?: Readonly<Record<string, string>>;
}

/** The `<Error>` document of S3: `Code`, `Message`, further details, `Resource`, `RequestId`. */
export function toErrorXml(error: ErrorDocument): string {
  return xmlDocument(
    "Error",
    element("Code", error.code),
    element("Message", error.message),
    ...Object.entries(error.details ?? {}).map(([name, value]) => element(name, value)),
    element("Resource", error.resource),
    element("RequestId", error.requestId),
  );
}
