/** Who calls, as authentication found out. */
export interface Caller {
  /** Stable name of the caller, for instance "dev:local"; request ids are unique per principal. */
  principal: string;
}
