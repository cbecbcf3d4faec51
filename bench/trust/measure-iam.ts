import { setTimeout as delay } from "node:timers/promises";
import { createIamTokenSource } from "../../src/client/iam-token.ts";
import { type DevStsServer, type StsIdentity, startDevSts } from "../../src/devstack/sts-server.ts";
import { IAM_TOKEN_PREFIX, writeIamToken } from "../../src/domain/access/iam-token.ts";
import type { FigureRow } from "../sessions/figure-row.ts";
import { type SentToken, sendTokens } from "./token-flood.ts";

const ACCOUNT = "111122223333";
const SERVER_ID = "files.example.org";
const REGION = "eu-central-1";
/** Addresses that forged tokens come from, and those of valid callers. */
const FORGERS = 50;
const VALID_ADDRESSES = 20;
/** The forgers' connections, and the calls on each that wait for their answers. */
const FLOOD = { connections: 64, perConnection: 100 };
/** A new valid token is sent this often while the forged ones come, in milliseconds. */
const VALID_EVERY_MS = 50;
/** Characters that no field has. */
const ODD = ["!", "\n", " ", "\u0000", "%", "?", "#", "\\", "<", "@"];

/** The role that the benchmark's callers have. */
const ROLE: StsIdentity = {
  accessKeyId: "ASIAEXAMPLEBENCH0000",
  secretAccessKey: "bench/secret+key",
  sessionToken: "YmVuY2g=",
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/bench/session`,
  account: ACCOUNT,
};

/** The principal of the role. */
export const BENCH_ROLE = `iam:arn:aws:sts::${ACCOUNT}:assumed-role/bench`;

/** An STS, and the settings with which a service asks it. */
export interface IamStage {
  readonly sts: DevStsServer;
  readonly settings: Readonly<Record<string, string>>;
  /** A token of the role, signed at this moment or so many seconds before. */
  sign(secondsAgo?: number): Promise<string>;
}

/** Starts an STS that knows the role. */
export async function startIamStage(): Promise<IamStage> {
  const sts = await startDevSts();
  sts.identities.set(ROLE.accessKeyId, ROLE);
  const { sessionToken = "", ...keys } = ROLE;
  return {
    sts,
    settings: {
      SLUICE_IAM_ACCOUNTS: ACCOUNT,
      SLUICE_IAM_SERVER_ID: SERVER_ID,
      AWS_ENDPOINT_URL_STS: sts.url,
      // Each caller says by a header where it comes from.
      SLUICE_TRUSTED_PROXIES: "1",
    },
    sign: (secondsAgo = 0) =>
      createIamTokenSource({
        serverId: SERVER_ID,
        region: REGION,
        endpoint: sts.url,
        now: () => Date.now() - secondsAgo * 1000,
        credentials: async () => ({ ...keys, sessionToken }),
      })({ refused: undefined }),
  };
}

/** Sends malformed tokens, and then forged ones beside valid ones, to a service; `path` is a file that the role may read. */
export async function measureForgeries(
  { sts, sign }: IamStage,
  { url, path, tokens, report }: { url: string; path: string; tokens: number; report: (what: string) => void },
): Promise<FigureRow[]> {
  const before = { ...sts.seen };
  const malformed = await sendTokens(url, spoiled(await sign(), tokens), { path, connections: 4, perConnection: 16 });
  const opened = sts.seen.connections - before.connections;
  report(`malformed: ${show(malformed)}; ${sts.seen.requests - before.requests} questions to STS`);
  const end = new AbortController();
  const flood = sendTokens(url, forged(tokens), { path, ...FLOOD }).finally(() => end.abort());
  const valid = await sendValid(url, { path, sign, signal: end.signal });
  const outcomes = await flood;
  report(`forged: ${show(outcomes)}; valid beside them: ${show(valid)}`);
  if (outcomes.has("answered")) throw new Error("a forged token was accepted");
  const answered = valid.get("answered") ?? 0;
  const refused = [...valid.values()].reduce((sum, count) => sum + count, 0) - answered;
  return [
    { name: `${tokens} malformed IAM tokens: sockets opened`, measured: opened, unit: "count", must: { atMost: 0 } },
    {
      name: `${tokens} forged IAM tokens beside valid ones: valid ones refused`,
      measured: refused,
      unit: "count",
      must: { atMost: 0 },
      note: `${answered} valid ones were new, and answered`,
    },
  ];
}

/** New tokens of the role, one after the other, until the signal; none is refused as long as nobody takes its turn. */
async function sendValid(
  url: string,
  { path, sign, signal }: { path: string; sign: IamStage["sign"]; signal: AbortSignal },
): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  for (let sent = 0; !signal.aborted || sent === 0; sent++) {
    // Two tokens of one second are the same token, so each is signed for another second of the last eight minutes.
    const one = { token: await sign(sent % 480), address: `192.0.2.${sent % VALID_ADDRESSES}` };
    const ends = await sendTokens(url, [one].values(), { path, connections: 1, perConnection: 1 });
    for (const [outcome, count] of ends) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
    await delay(VALID_EVERY_MS);
  }
  return outcomes;
}

/** Malformed tokens: each has a character that no field has, at another place. */
function* spoiled(valid: string, count: number): Generator<SentToken> {
  const text = Buffer.from(valid.slice(IAM_TOKEN_PREFIX.length), "base64url").toString();
  for (let i = 0; i < count; i++) {
    const at = (i * 7919) % text.length;
    const wrong = `${text.slice(0, at)}${ODD[i % ODD.length]}${text.slice(at + (i % 2))}`;
    yield { token: `${IAM_TOKEN_PREFIX}${Buffer.from(wrong).toString("base64url")}`, address: forgerOf(i) };
  }
}

/** Well-formed tokens of the role's keys with signatures of nobody. */
function* forged(count: number): Generator<SentToken> {
  const { accessKeyId, sessionToken } = ROLE;
  for (let i = 0; i < count; i++) {
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const signature = i.toString(16).padStart(64, "0");
    const signed = { accessKeyId, region: REGION, date, expiresSeconds: 900, signature, sessionToken };
    yield { token: writeIamToken(signed), address: forgerOf(i) };
  }
}

function forgerOf(i: number): string {
  return `203.0.113.${i % FORGERS}`;
}

function show(outcomes: ReadonlyMap<string, number>): string {
  return [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(", ");
}
