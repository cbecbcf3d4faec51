import { invalidArgument } from "../../domain/errors.ts";
import { compilePathTemplate, type PathTemplate, type PathVariables } from "./path-template.ts";
import { RestRefusal } from "./rest-refusal.ts";

/** A route and its handler. */
export interface Route<Serve> {
  httpMethod: string;
  template: string;
  serve: Serve;
}

/**
 * Finds the route of a request. A verb of any template is recognised on the raw path, whatever the HTTP method, before templates
 * without a verb: a path that means a colon writes "%3A". Of routes with the same method and template the last counts.
 */
export class RouteTable<Serve> {
  readonly #entries: (Route<Serve> & { compiled: PathTemplate })[] = [];

  constructor(routes: readonly Route<Serve>[]) {
    for (const route of routes) {
      const { httpMethod, template } = route;
      const entry = { ...route, compiled: compilePathTemplate(template) };
      const at = this.#entries.findIndex((other) => other.httpMethod === httpMethod && other.template === template);
      if (at < 0) this.#entries.push(entry);
      else this.#entries[at] = entry;
    }
  }

  /**
   * The route of a request; HEAD is served as GET. Throws 404 ROUTE_NOT_FOUND, 405 METHOD_NOT_ALLOWED with the allowed
   * methods, and `invalid_argument` for a path that is not percent-encoded UTF-8.
   */
  find(httpMethod: string, rawPath: string): { serve: Serve; variables: PathVariables } {
    const found = this.#match(rawPath);
    if (found.length === 0) {
      const message = `nothing is served at ${rawPath.slice(0, 200)}`;
      throw new RestRefusal("ROUTE_NOT_FOUND", message);
    }
    const wanted = httpMethod === "HEAD" ? "GET" : httpMethod;
    const hit = found.find(({ entry }) => entry.httpMethod === wanted);
    if (hit !== undefined) return { serve: hit.entry.serve, variables: decodeVariables(hit.variables) };
    const allow = listAllowed(found.map(({ entry }) => entry.httpMethod));
    throw new RestRefusal("METHOD_NOT_ALLOWED", `${httpMethod} is not served here; use ${allow}`, {
      headers: { allow },
    });
  }

  /** The Allow header of a path; undefined when nothing is served there. */
  allowed(rawPath: string): string | undefined {
    const found = this.#match(rawPath);
    return found.length === 0 ? undefined : listAllowed(found.map(({ entry }) => entry.httpMethod));
  }

  #match(rawPath: string): { entry: Route<Serve>; variables: ReadonlyMap<string, readonly string[]> }[] {
    const [, bare = "", verb] = /^\/(.*?)(?::([^:/]*))?$/s.exec(rawPath) ?? [];
    const withVerb = verb === undefined ? [] : this.#matchBare(bare, verb);
    return withVerb.length > 0 ? withVerb : this.#matchBare(rawPath.slice(1), undefined);
  }

  #matchBare(path: string, verb: string | undefined) {
    const segments = path.split("/");
    return this.#entries.flatMap((entry) => {
      const variables = entry.compiled.verb === verb ? entry.compiled.match(segments) : undefined;
      return variables === undefined ? [] : [{ entry, variables }];
    });
  }
}

function listAllowed(methods: readonly string[]): string {
  const all = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return [...new Set([...all, "OPTIONS"])].sort().join(", ");
}

/** Each segment is decoded once, so that an encoded "%25" stays a percent sign. */
function decodeVariables(variables: ReadonlyMap<string, readonly string[]>): PathVariables {
  return new Map([...variables].map(([field, segments]) => [field, segments.map(decode(field)).join("/")]));
}

function decode(field: string): (segment: string) => string {
  return (segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      const shown = JSON.stringify(segment.slice(0, 100));
      throw invalidArgument(field, `${shown} in the URL is not percent-encoded UTF-8; encode each segment once`);
    }
  };
}
