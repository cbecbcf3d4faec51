import { type InnerRoom, type InnerRooms, ROOMS, type Room } from "./rooms.ts";
import type { Import, SourceFile } from "./source-file.ts";

/** The room of a file of `src/`: its first folder, or itself; a test's is that of what it tests. */
export function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)/.exec(path)?.[1]?.replace(/(\.integration|\.endurance)?\.test\.ts$/, ".ts");
}

/**
 * Imports that cross a border that they must not cross, each as the sentence that mends it; and files in rooms that do not
 * exist.
 */
export function findRoomBreaches(file: SourceFile): string[] {
  const name = roomOf(file.path);
  if (name === undefined) return findBenchBreaches(file);
  const room = ROOMS[name];
  if (room === undefined) {
    return [
      `${file.path}: there is no room "${name}"; move it to the room it belongs to (${Object.keys(ROOMS).join(", ")})`,
    ];
  }
  const lost = findUnknownRoom(file.path, room);
  if (lost !== undefined) return [lost];
  if (file.path.endsWith(".test.ts")) return [];
  return file.imports.flatMap((one) => {
    const breach = one.isPackage ? findPackageBreach(name, room, one) : findFileBreach(file.path, room, one);
    return breach === undefined ? [] : [`${file.path}:${one.line} ${breach}`];
  });
}

function findPackageBreach(name: string, room: Room, { target, isTypeOnly }: Import): string | undefined {
  const allowed = isTypeOnly ? [...room.packages, ...(room.typePackages ?? [])] : room.packages;
  if (
    allowed.some(
      (one) => one === "*" || target === one || target.startsWith(one.replace(/\*$/, "").replace(/([^:])$/, "$1/")),
    )
  )
    return undefined;
  return (
    `imports "${target}", which ${name} does not know; let an adapter do that behind a port of domain/, ` +
    "or argue for the package in rooms.ts"
  );
}

function findFileBreach(path: string, room: Room, { target, isTypeOnly }: Import): string | undefined {
  const name = roomOf(path) as string;
  if (target.endsWith(".test.ts")) return `imports the test ${target}; move what it needs beside the code`;
  if (target.startsWith("gen/")) {
    if (room.gen === "all" || (room.gen === "types" && isTypeOnly)) return undefined;
    return `imports ${target}; generated code is known to the faces of the API alone: take a type of domain/ instead`;
  }
  const to = roomOf(target);
  if (to === undefined) return `imports ${target}, which lies outside of src/; move what it needs into a room`;
  if (to === name) return findInnerBreach(room, path, target);
  const within = target.slice("src/".length);
  const allows = (names: readonly string[] = []) => names.some((one) => within === one || within.startsWith(`${one}/`));
  if (allows(room.imports) || (isTypeOnly && allows(room.types))) return undefined;
  if (to === "testing") return `imports ${target}; what tests use stays with tests: move it to the room it belongs to`;
  const advice = allows(room.types) ? `import it with "import type"` : "pass it in from composition/";
  return `imports ${target}, and ${name} must not know ${to}; ${advice}`;
}

/** A file in a folder that is no inner room, at whatever depth. */
function findUnknownRoom(path: string, room: Room): string | undefined {
  const folders = foldersOf(path);
  let inner = room.inner ?? {};
  for (const [at, folder] of folders.entries()) {
    if (at === 0) continue;
    const within = inner[folder];
    if (within === undefined) {
      const known = Object.keys(inner).filter((one) => one !== ".");
      const outer = folders.slice(0, at).join("/");
      return `${path}: ${outer} has no inner room "${folder}"; move it (${known.join(", ") || "it has none"}), or name the room in rooms.ts`;
    }
    inner = toInnerRoom(within).inner;
  }
  return undefined;
}

/**
 * An import within a room that crosses a border between its inner rooms, or between them and the hall. The rooms that matter are
 * those in which the two ways part: what an inner room may not know, no room within it may.
 */
function findInnerBreach(room: Room, from: string, to: string): string | undefined {
  const [own, other] = [foldersOf(from), foldersOf(to)];
  const parting = own.findIndex((folder, at) => folder !== other[at]);
  const depth = parting === -1 ? own.length : parting;
  const inner = own
    .slice(1, depth)
    .reduce<InnerRooms>((rooms, folder) => toInnerRoom(rooms[folder] ?? []).inner, room.inner ?? {});
  const [here = ".", there = "."] = [own[depth], other[depth]];
  if (here === there || (here === "." && inner["."] === undefined)) return undefined;
  const way = there === "." ? "." : other.slice(depth).join("/");
  const { imports } = toInnerRoom(inner[here] ?? []);
  if (imports.some((one) => way === one || way.startsWith(`${one}/`))) return undefined;
  const outer = own.slice(0, depth).join("/");
  const [whom, what] = [here, there].map((one) => (one === "." ? `the hall of ${outer}` : `${outer}/${one}`));
  return `imports ${to}, and ${whom} must not know ${what}; move what it needs, or name the arrow in rooms.ts`;
}

function toInnerRoom(room: readonly string[] | InnerRoom): InnerRoom {
  return "inner" in room ? room : { imports: room, inner: {} };
}

/** The folders of a file below `src/`: its room, and the inner rooms it lies in. */
function foldersOf(path: string): string[] {
  return path.split("/").slice(1, -1);
}

/** The benchmark is a program of its own beside `src/`, which uses it as any caller could. */
function findBenchBreaches(file: SourceFile): string[] {
  return file.imports
    .filter(({ target }) => target.startsWith("src/testing/"))
    .map(
      ({ target, line }) => `${file.path}:${line} imports ${target}, which is for tests; start what it needs itself`,
    );
}
