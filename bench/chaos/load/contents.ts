import { createPayload } from "../../stage/payload.ts";

let payload: Buffer | undefined;

/** Draws bytes whose sizes spread evenly over the orders of magnitude between the two bounds; no two draws begin at the same byte. */
export function drawContent(random: () => number, [minBytes, maxBytes]: readonly [number, number]): Buffer {
  payload ??= createPayload();
  const sizeBytes = Math.round(minBytes * (maxBytes / minBytes) ** random());
  const start = Math.floor(random() * (payload.length - sizeBytes));
  return payload.subarray(start, start + sizeBytes);
}
