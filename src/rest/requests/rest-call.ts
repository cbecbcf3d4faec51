import { type CommitPosition, POSITION_HEADER, parseCommitPosition } from "../../domain/commit-position.ts";
import type { MessageArrival } from "../../rpc/calls/message-arrival.ts";
import { headerOf, type NodeRequest, type NodeResponse } from "../../rpc/listener/node-messages.ts";
import type { PathVariables } from "./path-template.ts";

/** One request of the REST face on its route. */
export interface RestCall {
  request: NodeRequest;
  response: NodeResponse;
  /** The body; none of it has been read. */
  arrival: MessageArrival;
  variables: PathVariables;
  /** Names and values after the "?", decoded, in their order. */
  query: readonly (readonly [name: string, value: string])[];
  /** Aborts when the caller is gone before its answer is complete. */
  signal: AbortSignal;
}

/** The commit position that the answer must have seen, from the caller's `sluice-position` header. */
export function positionOf(request: NodeRequest): CommitPosition | undefined {
  const header = headerOf(request, POSITION_HEADER);
  return header === undefined ? undefined : parseCommitPosition(header);
}
