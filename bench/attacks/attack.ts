import { setTimeout as delay } from "node:timers/promises";

/** The message that tells an attacker's process whom to attack. */
export interface AttackTarget {
  readonly host: string;
  readonly port: number;
  /** The attacker's own token; the others have another one. */
  readonly token: string;
  /** Path of a file of `bigFileBytes` that the others have written. */
  readonly bigPath: string;
  /** Id of an upload that stays open. */
  readonly uploadId: string;
  /** The connections and calls that an attack names are multiplied by this: 1 for the figures, less for a short run. */
  readonly scale: number;
}

/** One way to take the service away from everybody else. */
export interface Attack {
  readonly id: string;
  /** A sentence for the table that says what the attack does. */
  readonly title: string;
  /** Attacks until the signal. A refusal is no failure; the attack tries again after `retryMs`. */
  run(target: AttackTarget, signal: AbortSignal): Promise<void>;
}

/** Size of the file that readers read. */
export const bigFileBytes = 64 * 2 ** 20;
/** The address that attackers come from; the others come from 127.0.0.1. */
export const attackerAddress = "127.0.0.2";
/** Pause before an attack repeats a call that was refused or ended: refusals must cost the attacker something as well. */
const retryMs = 20;

/** Does the same thing `count` times side by side until the signal. Each one begins again when it ends. */
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

/** Begins something once a second until the signal, whether the previous one has ended or not. */
export async function everySecond(signal: AbortSignal, act: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    act().catch(() => undefined);
    await delay(1000, undefined, { signal }).catch(() => undefined);
  }
}
