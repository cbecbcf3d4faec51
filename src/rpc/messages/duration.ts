import type { Duration } from "@bufbuild/protobuf/wkt";
import { fromInt64 } from "./int64.ts";

/** A duration of a request in milliseconds, with fractions, so that the command can refuse them. Throws as `fromInt64`. */
export function fromDuration(duration: Duration, field: string): number {
  return fromInt64(duration.seconds, field) * 1000 + duration.nanos / 1e6;
}
