/** Values of a template's variables by field path, for instance "file.path", percent-decoded. */
export type PathVariables = ReadonlyMap<string, string>;

/** The path of a route as `google.api.http` writes it (google/api/http.proto). */
export interface PathTemplate {
  /** The text after the last colon, for instance "undelete". */
  readonly verb: string | undefined;
  /** Field paths of the variables. */
  readonly fields: readonly string[];
  /** The raw segments of each variable when a path without its verb matches this template; otherwise undefined. */
  match(segments: readonly string[]): ReadonlyMap<string, readonly string[]> | undefined;
}

type Segment = { kind: "literal"; text: string } | { kind: "one"; field: string } | { kind: "rest"; field: string };

/**
 * Compiles a template of literals, `{field}` (one segment) and, as the last segment, `{field=**}` (all segments that are
 * left, at least one). Throws for forms that no route of the service has: our own annotation is then wrong.
 */
export function compilePathTemplate(template: string): PathTemplate {
  const [, path = "", verb] = /^\/(.*?)(?::([a-zA-Z]+))?$/.exec(template) ?? [];
  const segments = path.split("/").map((text) => toSegment(text, template));
  const rest = segments.findIndex(({ kind }) => kind === "rest");
  if (rest >= 0 && rest < segments.length - 1) throw new Error(`${template} has segments after "**"`);
  return {
    verb,
    fields: segments.flatMap((segment) => (segment.kind === "literal" ? [] : [segment.field])),
    match: (raw) => {
      if (rest < 0 ? raw.length !== segments.length : raw.length < segments.length) return undefined;
      const found = new Map<string, readonly string[]>();
      for (const [at, segment] of segments.entries()) {
        if (segment.kind === "rest") found.set(segment.field, raw.slice(at));
        else if (segment.kind === "one") found.set(segment.field, raw.slice(at, at + 1));
        else if (segment.text !== raw[at]) return undefined;
      }
      return found;
    },
  };
}

function toSegment(text: string, template: string): Segment {
  const [, field, pattern = "*"] = /^\{([a-z0-9_.]+)(?:=(.+))?\}$/.exec(text) ?? [];
  if (field !== undefined && (pattern === "*" || pattern === "**")) {
    return pattern === "*" ? { kind: "one", field } : { kind: "rest", field };
  }
  if (/^[a-z0-9._-]+$/i.test(text)) return { kind: "literal", text };
  throw new Error(`${template} has the segment "${text}", a form that is not supported`);
}
