import { z } from "zod";
import { type NoteSigner, parseNoteSigner } from "../domain/log/signed-note.ts";
import { keyList } from "./token-keys.ts";

const KEY = z.string("must be a text").transform((text, context): NoteSigner => {
  const signer = parseNoteSigner(text);
  if (signer !== undefined) return signer;
  context.addIssue('must be a whole "PRIVATE+KEY+…", such as sluice audit keygen prints');
  return z.NEVER;
});

/**
 * Keys that sign the checkpoints of the audit log: a JSON list of one or two, or the path of a JSON or YAML file with one. All of them
 * sign, and all have the name of the log. The error quotes nothing of them.
 */
export function auditKeys() {
  return keyList(KEY, (one, other) => one.verifierKey === other.verifierKey).superRefine((keys, context) => {
    const [first, second] = keys;
    if (first !== undefined && second !== undefined && first.name !== second.name)
      context.addIssue(
        "has two keys of different names; a key that takes the place of another has its name, which is the log's",
      );
  });
}

/** The settings of the audit log, as they are in the environment. */
interface AuditLogEnvironment {
  SLUICE_AUDIT_BUCKET?: string | undefined;
  SLUICE_AUDIT_REGION?: string | undefined;
  SLUICE_AUDIT_KEYS?: NoteSigner[] | undefined;
  SLUICE_AUDIT_LOCK_DAYS: number;
}

/** What is set of the audit log without what belongs to it. */
export function findAuditLogProblems({
  SLUICE_AUDIT_BUCKET: bucket,
  SLUICE_AUDIT_KEYS: keys,
}: Partial<AuditLogEnvironment>): string[] {
  if ((bucket === undefined) === (keys === undefined)) return [];
  return [
    "SLUICE_AUDIT_BUCKET and SLUICE_AUDIT_KEYS belong together: set both, so that the audit log is published, or neither",
  ];
}

/** Where the audit log is published, and by which keys, in a bucket of `region` unless another is set; undefined where none is. */
export function toAuditLog(env: AuditLogEnvironment, region: string) {
  if (env.SLUICE_AUDIT_BUCKET === undefined) return undefined;
  const [bucket = "", ...folders] = env.SLUICE_AUDIT_BUCKET.split("/");
  return {
    bucket,
    /** "", or a folder with a slash at its end. */
    prefix: folders.map((folder) => `${folder}/`).join(""),
    region: env.SLUICE_AUDIT_REGION ?? region,
    signers: env.SLUICE_AUDIT_KEYS ?? [],
    lockMs: env.SLUICE_AUDIT_LOCK_DAYS * 86_400_000,
  };
}
