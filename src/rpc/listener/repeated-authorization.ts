import type { NodeRequest } from "./node-messages.ts";

const NAME = "authorization";

/**
 * Joins the authorization headers of a request that has several, as RFC 9110, 5.3 joins the fields of a list. Node drops all but the
 * first, while a proxy in front may have judged the last. The joined header has the form of no token, and so is refused.
 */
export function joinRepeatedAuthorization(request: NodeRequest): void {
  const { rawHeaders } = request;
  const values: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length === NAME.length && name.toLowerCase() === NAME) values.push(rawHeaders[i + 1] ?? "");
  }
  if (values.length > 1) request.headers.authorization = values.join(", ");
}
