import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Link } from "../../../gen/sluice/v1/link_pb.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";

/** The states by their numbers in link.proto. This module does not load generated code. */
const STATES = ["unknown", "active", "revoked", "expired", "used up"];

type LinkCommandOptions = ConnectionOptions & { json: boolean };

/** `sluice link create <path>`: prints the URL alone on standard output, and a description on standard error. */
export async function runCreateLink(
  terminal: Terminal,
  path: string,
  options: LinkCommandOptions & {
    lifetime?: number;
    maxUses?: number;
    generation?: number;
    name?: string;
    inline: boolean;
    note?: string;
  },
): Promise<void> {
  const { namespace, json, lifetime, maxUses, generation, name, inline, note } = options;
  await withClient(terminal, options, async (client) => {
    const { link, url } = await client.createLink(path, {
      namespace,
      inline,
      signal: terminal.signal,
      ...(lifetime !== undefined && { lifetimeMs: lifetime }),
      ...(maxUses !== undefined && { maxUses }),
      ...(generation !== undefined && { generation: BigInt(generation) }),
      ...(name !== undefined && { downloadName: name }),
      ...(note !== undefined && { note }),
    });
    if (json) return printJson(terminal, { ...toLinkJson(link), url });
    printLine(terminal, url);
    const uses = link.maxUses === 0 ? "" : ` or ${link.maxUses} uses`;
    printNote(terminal, `works until ${toTime(link)}${uses}; \`sluice link revoke ${link.linkId}\` ends it`);
  });
}

/** `sluice link ls [path]`: prints each link as a line, or with `json` as an object, the newest first. */
export async function runListLinks(
  terminal: Terminal,
  path: string,
  options: LinkCommandOptions & { ended: boolean },
): Promise<void> {
  const { namespace, json, ended } = options;
  await withClient(terminal, options, async (client) => {
    for await (const link of client.allLinks({ namespace, path, showEnded: ended, signal: terminal.signal })) {
      if (json) printJson(terminal, toLinkJson(link));
      else printLine(terminal, toRow(link));
    }
  });
}

/** `sluice link revoke <link-id>`: ends a link. */
export async function runRevokeLink(terminal: Terminal, linkId: string, options: LinkCommandOptions): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const link = await client.revokeLink(linkId, { namespace: options.namespace, signal: terminal.signal });
    if (options.json) return printJson(terminal, toLinkJson(link));
    printLine(terminal, `revoked the link to ${link.path}, used ${link.uses} times`);
  });
}

function toRow(link: Link): string {
  const uses = `${link.uses}/${link.maxUses === 0 ? "-" : link.maxUses}`;
  const note = link.note === "" ? "" : `  (${link.note})`;
  return `${link.linkId}  ${(STATES[link.state] ?? "unknown").padEnd(7)}  ${uses.padStart(7)}  ${toTime(link)}  ${link.path}${note}`;
}

function toTime({ expireTime }: Link): string {
  return expireTime === undefined ? "" : formatTime(timestampDate(expireTime));
}

/** A link for programs. */
export function toLinkJson(link: Link): Record<string, unknown> {
  const { linkId, namespace, path, principal, downloadName, inline, note, maxUses } = link;
  const { createTime, expireTime, lastUseTime, revokeTime } = link;
  return {
    linkId,
    namespace,
    path,
    state: STATES[link.state] ?? "unknown",
    uses: Number(link.uses),
    maxUses,
    ...(link.generation !== undefined && { generation: Number(link.generation) }),
    principal,
    downloadName,
    inline,
    note,
    ...(createTime && { createTime: timestampDate(createTime).toISOString() }),
    ...(expireTime && { expireTime: timestampDate(expireTime).toISOString() }),
    ...(lastUseTime && { lastUseTime: timestampDate(lastUseTime).toISOString() }),
    ...(revokeTime && { revokeTime: timestampDate(revokeTime).toISOString() }),
  };
}
