// The process of one attacker: begins an attack when it is told, under `nice`, and ends with its harness.
import { setPriority } from "node:os";
import type { AttackTarget } from "./attack.ts";
import { attacksWithToken } from "./attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks-without-token.ts";

/** What this program is asked to do. */
export type AttackerRequest = { readonly begin: string; readonly target: AttackTarget } | { readonly end: true };

/** The processor belongs to the others where both want it: the service is what is attacked, not the machine. */
const niceness = 10;
setPriority(niceness);
let ending = new AbortController();
let running: Promise<void> = Promise.resolve();

process.on("disconnect", () => process.exit());
process.on("message", async (request: AttackerRequest) => {
  if ("begin" in request) {
    ending = new AbortController();
    const attack = [...attacksWithoutToken, ...attacksWithToken].find(({ id }) => id === request.begin);
    running = attack?.run(request.target, ending.signal) ?? Promise.reject(new Error(`no attack is ${request.begin}`));
    running.catch((error) => process.emitWarning(error));
  } else {
    ending.abort();
    await running.catch(() => undefined);
  }
  process.send!({ done: true });
});
// An attack's own calls end however they like.
process.on("unhandledRejection", () => undefined);
process.send!({ ready: true });
