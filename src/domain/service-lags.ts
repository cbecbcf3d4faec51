/** How far the service is behind with what it does by itself, in milliseconds; 0 where nothing waits. */
export interface ServiceLags {
  /** Age of the oldest entry of the journal that has no number. */
  journalMs: number;
  /** Age of the oldest numbered entry that no checkpoint of the audit log has; undefined while no log has begun. */
  auditMs: number | undefined;
  /** Age of the oldest entry behind the cursor of an active subscription. */
  deliveryMs: number;
  /** How long the file is overdue to be purged that was due first. */
  purgeMs: number;
}

/** Asks the database, by one statement that costs some index reads. Rejects with `unavailable / DATABASE_UNAVAILABLE`. */
export type ReadLags = () => Promise<ServiceLags>;
