import { type ContextValues, createContextKey, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { NodeRequest } from "./node-messages.ts";

const CONNECTION = createContextKey("", { description: "name of the connection" });
const names = new WeakMap<object, string>();
let count = 0;

/** The values that a call begins with: the name of the connection that it came by. */
export function toConnectionValues(request: NodeRequest): ContextValues {
  const connection = ("stream" in request ? request.stream.session : undefined) ?? request.socket;
  const name = names.get(connection) ?? String(++count);
  names.set(connection, name);
  return createContextValues().set(CONNECTION, name);
}

/** Name of the connection that a call came by, unique in this process: what comes by it is one caller's, or one proxy's. */
export function connectionOf(context: Pick<HandlerContext, "values">): string {
  return context.values.get(CONNECTION);
}
