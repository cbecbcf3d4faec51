import { setTimeout as delay } from "node:timers/promises";

/** What an attacker's process is told. */
export interface AttackTarget {
  readonly host: string;
  readonly port: number;
  /** The attacker's own, which is not that of the others. */
  readonly token: string;
  /** A file of `bigFileBytes` that the others have written. */
  readonly bigPath: string;
  /** An upload that stays open. */
  readonly uploadId: string;
  /** How many connections and calls, of the numbers that an attack names: 1 for the figures, less for a short run. */
  readonly scale: number;
}

/** One way to take the service from everybody else. */
export interface Attack {
  readonly id: string;
  /** What it does, for the table. */
  readonly title: string;
  /** Goes on until the signal; a refusal is no failure, and is tried again after `retryMs`. */
  run(target: AttackTarget, signal: AbortSignal): Promise<void>;
}

/** Size of the file that readers read. */
export const bigFileBytes = 64 * 2 ** 20;
/** The address that attackers come from; the others come from 127.0.0.1. */
export const attackerAddress = "127.0.0.2";
/** How soon what was refused or ended is tried again: refusals must cost the attacker something as well. */
const retryMs = 20;

/** Does the same thing so many times side by side, each anew when it ends, until the signal. */
export async function keepDoing(
  count: number,
  signal: AbortSignal,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  const work = async (index: number) => {
    while (!signal.aborted) {
      const isDone = await act(index).then(
        () => true,
        () => false,
      );
      if (!isDone) await delay(retryMs);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.round(count)) }, (_, index) => work(index)));
}

/** Begins something once a second, whether that before has ended or not, until the signal. */
export async function everySecond(signal: AbortSignal, act: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    act().catch(() => undefined);
    await delay(1000, undefined, { signal }).catch(() => undefined);
  }
}
