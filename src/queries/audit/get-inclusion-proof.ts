import { isInScope, NO_PATH, type PathScope } from "../../domain/access/path-scope.ts";
import { isUuid } from "../../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { LogProblem, openCheckpoint } from "../../domain/log/checkpoint.ts";
import { toForkFolder, toForkOrigin } from "../../domain/log/fork.ts";
import { proveInclusion, toProvenRoot } from "../../domain/log/inclusion.ts";
import { LogFiles } from "../../domain/log/log-files.ts";
import { type LeafProof, type LogLeaves, toLogEntry } from "../../domain/log/log-leaves.ts";
import type { LogReader, LogStore } from "../../domain/log/log-store.ts";
import { hashLeaf, isSame } from "../../domain/log/merkle-tree.ts";
import { type NoteSigner, parseNoteVerifier } from "../../domain/log/signed-note.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { QueryOptions } from "../query-options.ts";

/** Which entry is to be proven. */
export interface GetInclusionProofRequest {
  namespace: string;
  /** Its UUID or its number. */
  entry: string;
}

/** What proves an entry to whoever has the key of the log. */
export interface InclusionProof {
  /** In the form of https://c2sp.org/tlog-proof */
  tlogProof: string;
  /** What the entry of the log is made of; without the personal part where it is erased, or the caller may not see all of it. */
  leaf: LeafProof;
}

/** When a checkpoint is likely to have an entry that the last one lacks, in milliseconds. */
const PUBLISHED_SOON_MS = 5000;

/**
 * Proves an entry by the tiles that are published, in ten requests to storage at most: the checkpoint, and two tiles of each level of a
 * tree of four thousand million entries. Errors: `invalid_argument / ARGUMENT_INVALID`, `failed_precondition / AUDIT_LOG_OFF` where no
 * log is published, `not_found / AUDIT_ENTRY_NOT_FOUND`, `unavailable / AUDIT_ENTRY_UNPUBLISHED` for an entry that is newer than the
 * checkpoint, `data_loss / AUDIT_LOG_BROKEN` when the tiles do not prove it.
 */
export async function getInclusionProof(
  deps: {
    auditLog:
      | { leaves: Pick<LogLeaves, "find" | "state">; store: LogStore; signers: readonly NoteSigner[] }
      | undefined;
    namespaces: Namespaces;
  },
  request: GetInclusionProofRequest,
  { scope = NO_PATH }: QueryOptions,
): Promise<InclusionProof> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const by = parseEntry(request.entry);
  if (deps.auditLog === undefined) {
    const message =
      "this service publishes no audit log: whoever runs it sets SLUICE_AUDIT_BUCKET and SLUICE_AUDIT_KEYS";
    throw new DomainError("failed_precondition", message, { reason: "AUDIT_LOG_OFF" });
  }
  const { leaves, store, signers } = deps.auditLog;
  const [found, state] = [await leaves.find(namespace, by), await leaves.state()];
  const leaf = found && withinScope(found, scope);
  if (leaf === undefined || state === undefined) {
    const message = `the audit log has no entry ${request.entry} of namespace ${namespace}; one of the last seconds comes with the next checkpoint`;
    throw new DomainError("not_found", message, { reason: "AUDIT_ENTRY_NOT_FOUND" });
  }
  const folder = toForkFolder(state.fork);
  const origin = toForkOrigin(signers[0]?.name ?? "", state.fork);
  const verifiers = signers.flatMap(({ verifierKey }) => parseNoteVerifier(verifierKey) ?? []);
  try {
    const read: LogReader = (path, options) => store.read(folder + path, options);
    const tlogProof = await prove(read, { leaf, origin, verifiers });
    return { tlogProof, leaf };
  } catch (error) {
    if (!(error instanceof LogProblem)) throw error;
    throw new DomainError("data_loss", error.message, { reason: "AUDIT_LOG_BROKEN", cause: error });
  }
}

async function prove(
  read: LogReader,
  {
    leaf,
    ...trusted
  }: { leaf: LeafProof; origin: string; verifiers: Parameters<typeof openCheckpoint>[1]["verifiers"] },
): Promise<string> {
  const note = await read("checkpoint");
  const checkpoint = note && openCheckpoint(note.bytes, trusted);
  const index = leaf.sequence - 1;
  if (note === undefined || checkpoint === undefined || index >= checkpoint.size) {
    const message = `entry ${leaf.sequence} is not in the audit log yet, whose checkpoint has ${checkpoint?.size ?? 0} entries`;
    throw new DomainError("unavailable", message, {
      reason: "AUDIT_ENTRY_UNPUBLISHED",
      retryAfterMs: PUBLISHED_SOON_MS,
    });
  }
  const { size, root } = checkpoint;
  const files = new LogFiles(read, size);
  const tiles = new Map<string, Promise<readonly Uint8Array[]>>();
  const proof = await proveInclusion({ index, size }, (tile) => {
    const key = `${tile.level}/${tile.index}`;
    const reading = tiles.get(key) ?? files.readTile(tile);
    tiles.set(key, reading);
    return reading;
  });
  const proven = toProvenRoot({ index, size, leaf: hashLeaf(toLogEntry(leaf)) }, proof);
  if (proven === undefined || !isSame(proven, root))
    throw new LogProblem(`entry ${leaf.sequence} is not in the audit log as the database has it`);
  const lines = [
    "c2sp.org/tlog-proof@v1",
    `index ${index}`,
    ...proof.map((hash) => Buffer.from(hash).toString("base64")),
  ];
  return `${lines.join("\n")}\n\n${Buffer.from(note.bytes).toString("utf8")}`;
}

function parseEntry(entry: string): { sequence: number } | { entryId: string } {
  if (isUuid(entry)) return { entryId: entry };
  if (/^[1-9]\d{0,14}$/.test(entry)) return { sequence: Number(entry) };
  throw invalidArgument("entry", `entry ${JSON.stringify(entry)} is neither the id of an entry nor its number`);
}

/** What an auditor of some prefixes may see of it: an entry without a path, and one that is erased, is of no prefix. */
function withinScope(leaf: LeafProof, scope: PathScope): LeafProof | undefined {
  if (isInScope(scope, "")) return leaf;
  const paths = [leaf.path, leaf.sourcePath].filter((one) => one !== "");
  const seen = paths.filter((one) => isInScope(scope, one));
  if (seen.length === 0) return undefined;
  return seen.length === paths.length ? leaf : { ...leaf, personal: undefined };
}
