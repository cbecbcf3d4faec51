import { headerOf } from "../../rpc/listener/node-messages.ts";
import type { RestCall } from "./rest-call.ts";

/** Asks for the body of a request whose caller waits to be asked (`Expect: 100-continue`, RFC 9110, 10.1.1). */
export function continueRequest({ request, response }: Pick<RestCall, "request" | "response">): void {
  if (headerOf(request, "expect")?.toLowerCase() === "100-continue") response.writeContinue();
}
