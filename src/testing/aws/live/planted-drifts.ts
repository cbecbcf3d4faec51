import { isPlainMap, type Plain } from "../../../aws/live/comparison/plain.ts";
import { MADE_UP_ID } from "./live-site.ts";

/** One change to what is deployed. */
export interface PlantedDrift {
  /** What was done where: `removed BucketEncryption.ServerSideEncryptionConfiguration[0]`. */
  readonly what: string;
  /** The value with the change; undefined when it is removed altogether. */
  readonly value: Plain | undefined;
}

/**
 * Every drift of one place: each member of each map and list removed, each text, number and flag changed. What AWS made
 * up is left as it is: no template says what it is to be.
 */
export function plantDrifts(value: Plain, path: string): PlantedDrift[] {
  return [{ what: `removed ${path}`, value: undefined }, ...plantBelow(value, path)];
}

function plantBelow(value: Plain, path: string): PlantedDrift[] {
  if (Array.isArray(value)) {
    const items = value as readonly Plain[];
    return items.flatMap((item, at) =>
      plantDrifts(item, `${path}[${at}]`).map(({ what, value: drifted }) => ({
        what,
        value: items.flatMap((one, index) => (index !== at ? [one] : drifted === undefined ? [] : [drifted])),
      })),
    );
  }
  if (isPlainMap(value)) {
    return Object.entries(value).flatMap(([key, item]) =>
      plantDrifts(item, `${path}.${key}`).map(({ what, value: drifted }) => {
        const { [key]: _, ...others } = value;
        return { what, value: drifted === undefined ? others : { ...value, [key]: drifted } };
      }),
    );
  }
  return value === MADE_UP_ID ? [] : [{ what: `changed ${path}`, value: change(value as string | number | boolean) }];
}

function change(value: string | number | boolean): Plain {
  if (typeof value === "boolean") return !value;
  return typeof value === "number" ? value + 1 : `changed-${value}`;
}
