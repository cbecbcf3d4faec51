import type { JsonObject } from "@bufbuild/protobuf";

/** The meaning of each status that refuses, for all operations. The schema of a problem lists the reasons. */
const REFUSALS = {
  400: "The request is wrong: a value is out of its bounds, unknown, given twice or not readable.",
  401: "The token is missing or not accepted.",
  404: "What the request names does not exist, or nothing is served at this path.",
  405: "This path does not take this method; Allow lists the methods that it takes.",
  406: "Accept does not allow the media type that is served here.",
  409: "The request conflicts with the present state, or was cut short: the reason says whether to repeat it.",
  412: "A precondition failed.",
  413: "The body, or the file to be, is larger than the limit.",
  414: "The URL is longer than 24,576 characters.",
  415: "The body has a media type or an encoding that is not taken here.",
  416: "The range begins behind the last byte.",
  429: "There are too many requests at once; try again after Retry-After.",
  431: "The headers and the URL together are longer than 32 KiB; the answer has no body.",
  500: "The service has a defect, or stored bytes have changed.",
  501: "The method does not exist.",
  503: "The service, its database or its storage cannot answer now: try again.",
  504: "The deadline has passed.",
} as const;

/** A status that refuses. */
export type Refusal = keyof typeof REFUSALS;

/** The refusals that every request may meet. */
export const COMMON_REFUSALS: readonly Refusal[] = [
  400, 401, 404, 405, 406, 409, 412, 414, 429, 431, 500, 501, 503, 504,
];

/** References to the responses of these refusals, by status. */
export function toRefusals(statuses: readonly Refusal[]): JsonObject {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }]));
}

/** The responses that `toRefusals` refers to. */
export function createProblemResponses(): JsonObject {
  const statuses = Object.keys(REFUSALS).map((status) => Number(status) as Refusal);
  return Object.fromEntries(statuses.map((status) => [nameOf(status), toResponse(status)]));
}

/** The schema of an error (RFC 9457), with the closed list of its reasons. */
export function createProblemSchema(reasons: readonly string[]): JsonObject {
  return {
    type: "object",
    description: "An error as RFC 9457 writes it.",
    required: ["type", "title", "status", "detail", "reason"],
    properties: {
      type: { type: "string", pattern: "^urn:sluice:problem:[a-z0-9-]+$", description: "A URN of the reason." },
      title: { type: "string", description: "HTTP's phrase for the status." },
      status: { type: "integer", minimum: 400, maximum: 599 },
      detail: { type: "string", description: "A sentence for people: what is wrong, and what would be right." },
      reason: {
        type: "string",
        enum: [...reasons],
        description: "The reason, for programs; it is the same as over gRPC.",
      },
      field: { type: "string", description: "The field of the request that is wrong." },
      details: {
        type: "object",
        additionalProperties: { type: "string" },
        description: "The offending value and its bound, by name.",
      },
    },
  };
}

function nameOf(status: Refusal): string {
  return `Problem${status}`;
}

function toResponse(status: Refusal): JsonObject {
  const headers: JsonObject = {
    ...(status === 401 && { "WWW-Authenticate": toHeader("Bearer, and the reason when a token was not accepted.") }),
    ...(status === 405 && { Allow: toHeader("The methods that this path takes.") }),
    ...((status === 429 || status === 503) && { "Retry-After": toHeader("Seconds to wait, when that is known.") }),
  };
  return {
    description: REFUSALS[status],
    ...(Object.keys(headers).length > 0 && { headers }),
    // Node's HTTP parser refuses such a request before the service sees it.
    ...(status !== 431 && {
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
    }),
  };
}

function toHeader(description: string): JsonObject {
  return { description, schema: { type: "string" } };
}
