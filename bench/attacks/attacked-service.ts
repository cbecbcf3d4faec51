// The service under attack: one worker, in a process of the benchmark's own, because it knows one token for each caller.
import { pino } from "pino";
import type { Authenticator } from "../../src/auth/authenticator.ts";
import { createDevAuthenticator } from "../../src/auth/dev-authenticator.ts";
import { startApp } from "../../src/composition/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import type { Caller } from "../../src/domain/caller.ts";

const ATTACKER: Caller = { principal: "attacker", groups: [], tokenKind: "dev" };
/** Accepts either of two callers; the token of each is its name. */
const isOthers = createDevAuthenticator("others");
const authenticate: Authenticator = async (header) =>
  header("authorization") === "Bearer attacker" ? ATTACKER : await isOthers(header);

const config = parseConfig(process.env);
const app = await startApp(config, pino({ level: "silent" }), { authenticate });
process.on("disconnect", () => process.exit());
process.once("SIGTERM", () => void app.stop().finally(() => process.exit()));
process.on("message", () => {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  process.send!({ handles: counts });
});
process.send!({ url: app.url });
