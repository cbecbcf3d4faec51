/** Origin of a log: that of the first one is the name of its key. */
export function toForkOrigin(name: string, fork: number): string {
  return `${name}${toForkSuffix(fork)}`;
}

/** The folder of a log below that of the first one, with a slash at its end; "" of the first. */
export function toForkFolder(fork: number): string {
  return fork === 0 ? "" : `${toForkSuffix(fork).slice(1)}/`;
}

function toForkSuffix(fork: number): string {
  return fork === 0 ? "" : `/forks/${fork}`;
}
