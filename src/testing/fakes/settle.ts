/** Lets promises and streams go as far as they can. Manual timers stand still. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
