/** What a caller learns of a file by an answer. */
export interface Told {
  readonly path: string;
  /** CRC32 of its bytes. */
  readonly crc32: number;
  /** Absent when the answer came only after a repetition: it may then tell of a later change. */
  readonly generation?: number | undefined;
}

/**
 * What became of a call. A refusal is an answer: the call changed nothing, and will not. A failure is none: what was asked for may have
 * been done, or may be done later.
 */
export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** A program that uses the service: by the TypeScript client, which tries again as it is documented, or by single requests. */
export interface Caller {
  readonly retries: boolean;
  upload(path: string, bytes: Buffer, options?: { ifGenerationMatch?: number }): Promise<Outcome<Told>>;
  get(path: string): Promise<Outcome<Told>>;
  /** Reads all bytes, and tells their CRC32. */
  read(path: string): Promise<Outcome<{ crc32: number }>>;
  copy(path: string, target: string): Promise<Outcome<Told>>;
  move(path: string, target: string): Promise<Outcome<Told>>;
  remove(path: string): Promise<Outcome<Told>>;
  undelete(path: string): Promise<Outcome<Told>>;
  /** The paths with this prefix, up to a thousand. */
  list(prefix: string): Promise<Outcome<string[]>>;
  close(): void;
}
