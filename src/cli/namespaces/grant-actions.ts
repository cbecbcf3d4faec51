import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import type { Grant, Grants } from "../../client/calls/namespace-calls.ts";
import { type ServiceOptions, withClient } from "../login/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";
import { formatGrantsFile, parseGrantsFile, parseRoles, toPlain } from "./grants-file.ts";

type Options = ServiceOptions & { json: boolean };

/** `sluice grants get <namespace>`: prints YAML that `sluice grants set` reads, or with `json` one line of JSON. */
export async function runGetGrants(terminal: Terminal, name: string, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const read = await client.getGrants(name, { signal: terminal.signal });
    if (options.json) printJson(terminal, { etag: read.etag, grants: read.grants.map(toPlain) });
    else terminal.stdout.write(formatGrantsFile(read));
  });
}

/** `sluice grants set <namespace> <file>`: replaces all grants. `etag` wins over that of the file. */
export async function runSetGrants(
  terminal: Terminal,
  [name, file]: [name: string, file: string],
  options: Options & { etag?: string },
): Promise<void> {
  const read = parseGrantsFile(file === "-" ? await readAll(terminal.stdin) : readFile(file));
  await withClient(terminal, options, async (client) => {
    const call = { signal: terminal.signal, etag: options.etag ?? read.etag };
    print(terminal, { ...options, name }, await client.setGrants(name, read.grants, call));
  });
}

/** `sluice grants add <namespace> <member> <roles...>`: adds one grant to those that are there. */
export async function runAddGrant(
  terminal: Terminal,
  [name, member, roles]: [name: string, member: string, roles: readonly string[]],
  options: Options & { group: boolean; prefix: readonly string[] },
): Promise<void> {
  const named = options.group ? { group: member } : { principal: member };
  const added: Grant = { ...named, roles: parseRoles(roles), prefixes: options.prefix };
  await change(terminal, { ...options, name }, (grants) => [...grants, added]);
}

/** `sluice grants remove <namespace> <member>`: removes all grants of a member; fails when there is none. */
export async function runRemoveGrants(
  terminal: Terminal,
  [name, member]: [name: string, member: string],
  options: Options & { group: boolean },
): Promise<void> {
  await change(terminal, { ...options, name }, (grants) => {
    const isMembers = (grant: Grant) =>
      "group" in grant ? options.group && grant.group === member : !options.group && grant.principal === member;
    const left = grants.filter((grant) => !isMembers(grant));
    const what = options.group ? "group" : "principal";
    if (left.length === grants.length)
      throw new UsageError(`the ${what} "${member}" has no grant in namespace ${name}`);
    return left;
  });
}

/** A change by somebody else in between is refused, and not lost. */
async function change(
  terminal: Terminal,
  options: Options & { name: string },
  toNext: (grants: readonly Grant[]) => Grant[],
): Promise<void> {
  const { name } = options;
  const { signal } = terminal;
  await withClient(terminal, options, async (client) => {
    const { grants, etag } = await client.getGrants(name, { signal });
    print(terminal, options, await client.setGrants(name, toNext(grants), { signal, etag }));
  });
}

function print(terminal: Terminal, { json, name }: { json: boolean; name: string }, { etag, grants }: Grants): void {
  if (json) printJson(terminal, { etag, grants: grants.map(toPlain) });
  else printLine(terminal, `namespace ${name} has ${grants.length} grants now, etag ${etag}`);
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`the file "${path}" cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
