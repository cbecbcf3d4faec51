/**
 * What somebody may do in a namespace. No role includes another:
 *
 * - reader: see files and read their bytes;
 * - writer: make and change files;
 * - deleter: delete, restore and purge files;
 * - auditor: see what was done, how much is kept and where, and no file;
 * - admin: change the namespace, its grants, and holds that keep files from being deleted; see no file.
 */
export const ROLES = ["reader", "writer", "deleter", "auditor", "admin"] as const;

/** One of ROLES. */
export type Role = (typeof ROLES)[number];
