import type { DescMethod } from "@bufbuild/protobuf";
import { currentCall } from "../../telemetry/observed-call.ts";

/** Tells the observed call which method it is, or does the work of. */
export function nameCall({ parent, name }: DescMethod): void {
  const call = currentCall();
  if (call !== undefined) call.method = `${parent.typeName}/${name}`;
}
