// The process of one attacker. It begins an attack when the harness tells it to, runs under `nice`, and ends with the harness.
import { setPriority } from "node:os";
import type { AttackTarget } from "./attack.ts";
import { attacksWithToken } from "./attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks-without-token.ts";

/** The messages that this program takes. */
export type AttackerRequest = { readonly begin: string; readonly target: AttackTarget } | { readonly end: true };

/** When both want the processor, the others get it: the service is under attack, not the machine. */
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
// The calls of an attack may end in any way.
process.on("unhandledRejection", () => undefined);
process.send!({ ready: true });
