import { DomainError } from "../../domain/errors.ts";

/**
 * The same repository, which tells whether the database has room. `names` are methods that write: `onWrite` gets the error
 * of each of their calls that found the database full, and undefined for each that succeeded. Other errors say nothing
 * about room.
 */
export function watchWrites<T extends object>(
  repository: T,
  names: readonly (keyof T)[],
  onWrite: (problem: DomainError | undefined) => void,
): T {
  const watched = { ...repository };
  for (const name of names) {
    const method = repository[name] as (...parameters: unknown[]) => Promise<unknown>;
    const watch = async (...parameters: unknown[]) => {
      try {
        const result = await method(...parameters);
        onWrite(undefined);
        return result;
      } catch (error) {
        if (error instanceof DomainError && error.reason === "DATABASE_FULL") onWrite(error);
        throw error;
      }
    };
    watched[name] = watch as T[keyof T];
  }
  return watched;
}
