import { DomainError } from "../errors.ts";
import type { File } from "./file.ts";

/** Fields that files can be ordered by. */
export const ORDER_FIELDS = ["path", "create_time", "update_time", "size_bytes"] as const;

/** In which order files are listed. Paths by their bytes, then generations; the others with ties by the file's id. */
export interface FileOrder {
  field: (typeof ORDER_FIELDS)[number];
  isDescending: boolean;
}

/** The order when none is named. */
export const PATH_ORDER: FileOrder = { field: "path", isDescending: false };

/** The order of a search for words when none is named. */
export const NEWEST_FIRST: FileOrder = { field: "create_time", isDescending: true };

/** A place in a list, in the order of paths or in another order; `value` is a size, or microseconds since 1970. */
export type FileCursor = { path: string; generation: number } | { value: number; fileId: string };

/** The cursor of a file in the order of paths. */
export function toPathCursor({ path, generation }: Pick<File, "path" | "generation">): FileCursor {
  return { path, generation };
}

/** Longest order_by that is parsed. */
const ORDER_MAX_CHARACTERS = 1000;

/**
 * Parses order_by as AIP-132 has it: a field, then maybe "asc" or "desc". One field only, because each order has an index
 * of its own. Empty is the order of paths. Errors: `invalid_argument / ORDER_INVALID` with the column, from 1.
 */
export function parseFileOrder(orderBy: string): FileOrder {
  if (orderBy.length > ORDER_MAX_CHARACTERS) throw orderInvalid(0, `at most ${ORDER_MAX_CHARACTERS} characters`);
  const [name, direction, more] = [...orderBy.matchAll(/\S+/g)];
  if (name === undefined) return PATH_ORDER;
  const field = ORDER_FIELDS.find((one) => one === name[0]);
  if (field === undefined) throw orderInvalid(name.index, `one of ${ORDER_FIELDS.join(", ")}`);
  const isDescending = direction?.[0] === "desc";
  if (direction !== undefined && !isDescending && direction[0] !== "asc")
    throw orderInvalid(direction.index, "asc or desc");
  if (more !== undefined) throw orderInvalid(more.index, "the end");
  return { field, isDescending };
}

function orderInvalid(start: number, expected: string): DomainError {
  const column = start + 1;
  return new DomainError("invalid_argument", `order_by is not valid at character ${column}: expected ${expected}`, {
    reason: "ORDER_INVALID",
    field: "order_by",
    details: { position: column, expected },
  });
}
