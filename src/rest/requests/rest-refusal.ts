/** Reasons for refusing a request as HTTP, before it becomes a call of a method. They are part of the API, as ErrorReason is. */
export type RestReason =
  | "ROUTE_NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "NOT_ACCEPTABLE"
  | "ETAG_MISMATCH"
  | "URL_TOO_LONG"
  | "MEDIA_TYPE_UNSUPPORTED"
  | "RANGE_INVALID";

/** HTTP's own statuses for these reasons; no kind of DomainError has them. */
const STATUS = {
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  ETAG_MISMATCH: 412,
  URL_TOO_LONG: 414,
  MEDIA_TYPE_UNSUPPORTED: 415,
  RANGE_INVALID: 416,
} as const satisfies Record<RestReason, number>;

/** A request that HTTP itself refuses, for its route, form or precondition. Methods refuse by a DomainError. */
export class RestRefusal extends Error {
  override readonly name = "RestRefusal";
  readonly reason: RestReason;
  readonly status: number;
  readonly details: Readonly<Record<string, string | number>>;
  /** Headers that belong to the answer, for instance Allow. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    reason: RestReason,
    message: string,
    context: { details?: Record<string, string | number>; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.reason = reason;
    this.status = STATUS[reason];
    this.details = context.details ?? {};
    this.headers = context.headers ?? {};
  }
}
