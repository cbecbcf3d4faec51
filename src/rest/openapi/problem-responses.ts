import type { JsonObject } from "@bufbuild/protobuf";

/** What each status of a refusal means, whatever was called. Which reasons there are is in the schema of a problem. */
const REFUSALS = {
  400: "The request is wrong: a value is out of its bounds, unknown, said twice or not readable.",
  401: "The token is missing or not accepted.",
  404: "What the request names does not exist, or nothing is served at this path.",
  405: "This path is not served with this method; Allow says with which it is.",
  406: "Accept has no room for what is served here.",
  409: "The request conflicts with what is there, or was cut short: the reason says whether to repeat it.",
  412: "A precondition failed.",
  413: "The body, or the file to be, is larger than the limit.",
  414: "The URL is longer than 24,576 characters.",
  415: "The body has a media type or an encoding that is not taken here.",
  416: "The range begins behind the last byte.",
  429: "Too much at once: try again after Retry-After.",
  431: "The headers and the URL together are longer than 32 KiB; the answer has no body.",
  500: "A defect of the service, or stored bytes that are not what they were.",
  501: "Not built.",
  503: "The service, its database or its storage cannot answer now: try again.",
  504: "The deadline has passed.",
} as const;

/** A status that refuses. */
export type Refusal = keyof typeof REFUSALS;

/** What every request may be refused with. */
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
      reason: { type: "string", enum: [...reasons], description: "Why, for programs: the same as over gRPC." },
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
    ...(status === 401 && { "WWW-Authenticate": toHeader("Bearer, and why a token was not accepted.") }),
    ...(status === 405 && { Allow: toHeader("The methods that are served.") }),
    ...((status === 429 || status === 503) && { "Retry-After": toHeader("Seconds to wait, where that is known.") }),
  };
  return {
    description: REFUSALS[status],
    ...(Object.keys(headers).length > 0 && { headers }),
    // HTTP's own parser refuses it, before anything here sees a request.
    ...(status !== 431 && {
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
    }),
  };
}

function toHeader(description: string): JsonObject {
  return { description, schema: { type: "string" } };
}
