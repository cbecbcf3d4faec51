import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type BenchProcess, forkProcess } from "../machine/child-process.ts";
import { freePort } from "../machine/free-port.ts";
import { fillDatabase } from "../metadata/filled-database.ts";
import { watchMemory } from "../sessions/memory-watch.ts";
import type { Stage } from "../stage/contender.ts";
import { migrateDatabase, serviceEnvironment } from "../stage/sluice-service.ts";
import type { Attack, AttackTarget } from "./attack.ts";
import type { AttackerRequest } from "./attacker.ts";
import type { OtherCallersArguments, OthersWindow } from "./other-callers.ts";

/** How long and how hard the service is attacked. */
export interface AttackRun {
  /** Seconds of one attack, and of the same attack on a listener that does nothing. */
  readonly seconds: number;
  /** Seconds after an attack until memory is measured again. */
  readonly settleSeconds: number;
  /** Seconds without any caller, after the attacks, until handles are counted. With 0 they are not counted. */
  readonly quietSeconds: number;
  /** The attacks' connections and calls are multiplied by this. */
  readonly scale: number;
  /** Files in the table. */
  readonly files: number;
}

/** The outcome of one attack. */
export interface AttackOutcome {
  readonly attack: Attack;
  /** Calls of the others and times of `/livez`, under the attack and beside the same attack on an inert listener. */
  readonly calls: number;
  readonly callsBeside: number;
  readonly failures: number;
  readonly livezMs: readonly number[];
  readonly livezBesideMs: readonly number[];
  /** The service's peak memory, and its memory after the time to settle, both in bytes beyond what it had before. */
  readonly peakBytes: number;
  readonly keptBytes: number;
}

/** The results of a run. */
export interface AttackResult {
  readonly outcomes: readonly AttackOutcome[];
  /** The service's handles after the start, and after its last caller has left and the quiet time has passed. */
  readonly handles: { readonly before: Handles; readonly after: Handles } | undefined;
}

/** How many handles of each kind the process keeps open: `{ TCPSocketWrap: 3 }`. */
export type Handles = Readonly<Record<string, number>>;

const attackerToken = "attacker";
const othersToken = "others";
const bigPath = "others/big";
const readyTimeoutMs = 30_000;
/** The attacks must meet compiled code. */
const warmUpMs = 1000;

/**
 * Attacks one service on the stage's storage, one attack after the other. When this rejects, the processes that are left end
 * with the stage.
 */
export async function runAttacks(
  attacks: readonly Attack[],
  options: { stage: Stage; run: AttackRun; report: (what: string) => void },
): Promise<AttackResult> {
  const { stage, run, report } = options;
  await migrateDatabase(stage);
  await (await fillDatabase(await stage.databaseUrl(), { rows: run.files }, () => undefined)).end();
  const env = await serviceEnvironment(stage, { tls: "none", listen: `127.0.0.1:${await freePort()}` });
  const service = await forkProcess(new URL("attacked-service.ts", import.meta.url), { env });
  const url = String(service.ready.url);
  await untilReady(url);
  const before = await handlesOf(service);
  const inert = await forkProcess(new URL("inert-listener.ts", import.meta.url));
  const attacker = await forkProcess(new URL("attacker.ts", import.meta.url));
  const others = await startOthers(url);
  const uploadId = await createUpload(url);
  const toTarget = (at: string): AttackTarget => {
    const { hostname: host, port } = new URL(at);
    return { host, port: Number(port), token: attackerToken, bigPath, uploadId, scale: run.scale };
  };
  const place = { service, attacker, others, own: toTarget(url), beside: toTarget(String(inert.ready.url)), run };
  await delay(warmUpMs);
  const outcomes: AttackOutcome[] = [];
  for (const attack of attacks) {
    const outcome = await measureAttack(attack, place);
    const { calls, callsBeside } = outcome;
    report(`${attack.id}: ${calls} calls of others under it, ${callsBeside} beside it`);
    outcomes.push(outcome);
  }
  for (const process of [others, attacker, inert]) await process.stop();
  await delay(run.quietSeconds * 1000);
  const handles = run.quietSeconds === 0 ? undefined : { before, after: await handlesOf(service) };
  await service.stop();
  return { outcomes, handles };
}

/** Makes each attack on a fresh service. Handles are counted for the last service. */
export async function runAttacksApart(
  attacks: readonly Attack[],
  options: { stage: Stage; run: AttackRun; report: (what: string) => void },
): Promise<AttackResult> {
  const outcomes: AttackOutcome[] = [];
  let handles: AttackResult["handles"];
  for (const [index, attack] of attacks.entries()) {
    const quietSeconds = index === attacks.length - 1 ? options.run.quietSeconds : 0;
    const result = await runAttacks([attack], { ...options, run: { ...options.run, quietSeconds } });
    outcomes.push(...result.outcomes);
    handles = result.handles;
  }
  return { outcomes, handles };
}

interface AttackPlace {
  readonly service: BenchProcess;
  readonly attacker: BenchProcess;
  readonly others: BenchProcess;
  readonly own: AttackTarget;
  readonly beside: AttackTarget;
  readonly run: AttackRun;
}

async function measureAttack(attack: Attack, place: AttackPlace): Promise<AttackOutcome> {
  const { service, attacker, others, own, beside, run } = place;
  const attackOn = async (target: AttackTarget) => {
    await attacker.ask({ begin: attack.id, target } satisfies AttackerRequest);
    await others.ask({});
    await delay(run.seconds * 1000);
    const window = (await others.ask({})) as unknown as OthersWindow;
    await attacker.ask({ end: true } satisfies AttackerRequest);
    return window;
  };
  const { calls: callsBeside, livezMs: livezBesideMs } = await attackOn(beside);
  const bytesBefore = watchMemory(service.pid).stop();
  const memory = watchMemory(service.pid);
  const { calls, failures, livezMs } = await attackOn(own);
  const peakBytes = memory.stop() - bytesBefore;
  await delay(run.settleSeconds * 1000);
  const keptBytes = watchMemory(service.pid).stop() - bytesBefore;
  return { attack, calls, callsBeside, failures, livezMs, livezBesideMs, peakBytes, keptBytes };
}

async function startOthers(url: string): Promise<BenchProcess> {
  const args: OtherCallersArguments = { url, token: othersToken, bigPath };
  return await forkProcess(new URL("other-callers.ts", import.meta.url), { args: [JSON.stringify(args)] });
}

/** Creates an upload of the attacker that stays open. */
async function createUpload(url: string): Promise<string> {
  const answer = await fetch(`${url}/v1/namespaces/default/uploads`, {
    method: "POST",
    headers: { authorization: `Bearer ${attackerToken}`, "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ requestId: randomUUID(), path: "attack/open" }),
  });
  const { upload } = (await answer.json()) as { upload?: { uploadId: string } };
  if (upload === undefined) throw new Error(`the service answered ${answer.status} to a new upload`);
  return upload.uploadId;
}

async function handlesOf(service: BenchProcess): Promise<Handles> {
  return (await service.ask({})).handles as Handles;
}

async function untilReady(url: string): Promise<void> {
  for (const endsAt = performance.now() + readyTimeoutMs; ; await delay(20)) {
    const answer = await fetch(`${url}/readyz`, { headers: { connection: "close" } });
    await answer.arrayBuffer();
    if (answer.ok) return;
    if (performance.now() > endsAt) throw new Error(`${url} is not ready after ${readyTimeoutMs / 1000} s`);
  }
}
