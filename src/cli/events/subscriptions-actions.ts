import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeadLetter, Subscription } from "../../../gen/sluice/v1/event_service_pb.ts";
import type { RedeliveryOption } from "../../client/calls/subscription-calls.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";

/** The states and reasons by their numbers in event_service.proto. This module does not load generated code. */
const STATES = ["unknown", "active", "paused", "dead"];
const END_REASONS = ["", "the receiver is gone", "it has lapsed", "events may be missing behind its cursor"];

type Options = ConnectionOptions & { json: boolean };

/** `sluice subscriptions ls`: prints each subscription as a line, or with `json` as an object. */
export async function runListSubscriptions(terminal: Terminal, options: Options): Promise<void> {
  const { namespace, json } = options;
  await withClient(terminal, options, async (client) => {
    for (const subscription of await client.listSubscriptions({ namespace, signal: terminal.signal })) {
      if (json) printJson(terminal, toJson(subscription));
      else printLine(terminal, toRow(subscription));
    }
  });
}

/** `sluice subscriptions create`: prints the secret of a webhook, or the id, alone on standard output. */
export async function runCreateSubscription(
  terminal: Terminal,
  options: Options & { webhook?: string; eventBus?: string; type?: readonly string[]; prefix: string; after: string },
): Promise<void> {
  const { namespace, json, webhook, eventBus = "", type: types = [], prefix: pathPrefix, after: cursor } = options;
  await withClient(terminal, options, async (client) => {
    const receiver = webhook === undefined ? { eventBusArn: eventBus } : { webhookUrl: webhook };
    const wish = { namespace, types, pathPrefix, cursor, signal: terminal.signal };
    const { subscription, secret } = await client.createSubscription(receiver, wish);
    const { subscriptionId } = subscription;
    if (json) return printJson(terminal, { ...toJson(subscription), ...(secret !== "" && { secret }) });
    printLine(terminal, secret === "" ? subscriptionId : secret);
    printNote(
      terminal,
      `subscription ${subscriptionId}; \`sluice subscriptions show ${subscriptionId}\` tells how it goes`,
    );
  });
}

/** `sluice subscriptions show <id>`: prints a subscription, and a line for each of its dead letters. */
export async function runShowSubscription(terminal: Terminal, id: string, options: Options): Promise<void> {
  const { namespace, json } = options;
  await withClient(terminal, options, async (client) => {
    const found = await client.getSubscription(id, { namespace, signal: terminal.signal });
    if (json)
      return printJson(terminal, { ...toJson(found.subscription), letters: found.deadLetters.map(toLetterJson) });
    for (const line of describe(found.subscription)) printLine(terminal, line);
    for (const { eventId, failures, problem, isWanted } of found.deadLetters) {
      const again = isWanted ? ", about to be sent again" : "";
      printLine(terminal, `dead letter ${eventId}: tried ${failures} times${again}; ${problem}`);
    }
  });
}

/** `sluice subscriptions rm <id>` */
export async function runRemoveSubscription(terminal: Terminal, id: string, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) => {
    await client.deleteSubscription(id, { namespace: options.namespace, signal: terminal.signal });
    if (options.json) printJson(terminal, { subscriptionId: id });
    else printLine(terminal, `removed subscription ${id}`);
  });
}

/** `sluice subscriptions pause <id>` */
export async function runPauseSubscription(terminal: Terminal, id: string, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) =>
    print(terminal, await client.pauseSubscription(id, toCall(terminal, options)), options),
  );
}

/** `sluice subscriptions resume <id>` */
export async function runResumeSubscription(terminal: Terminal, id: string, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) =>
    print(terminal, await client.resumeSubscription(id, toCall(terminal, options)), options),
  );
}

/** `sluice subscriptions rotate <id>`: prints the new secret alone on standard output. */
export async function runRotateSecret(terminal: Terminal, id: string, options: Options): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const { subscription, secret } = await client.replaceWebhookSecret(id, toCall(terminal, options));
    if (options.json) return printJson(terminal, { ...toJson(subscription), secret });
    printLine(terminal, secret);
    printNote(terminal, `the secret before signs as well until ${toTime(subscription.formerSecretEndTime)}`);
  });
}

/** `sluice subscriptions redeliver <id>` */
export async function runRedeliver(
  terminal: Terminal,
  id: string,
  options: Options & { after?: string; all: boolean; new: boolean },
): Promise<void> {
  const { after, all } = options;
  const wanted: RedeliveryOption = options.new
    ? { onlyNew: true }
    : after !== undefined || all
      ? { afterCursor: after ?? "" }
      : { deadLetters: true };
  await withClient(terminal, options, async (client) =>
    print(terminal, await client.redeliverEvents(id, wanted, toCall(terminal, options)), options),
  );
}

function toCall(terminal: Terminal, { namespace }: Options) {
  return { namespace, signal: terminal.signal };
}

function print(terminal: Terminal, subscription: Subscription, { json }: Options): void {
  if (json) printJson(terminal, toJson(subscription));
  else printLine(terminal, toRow(subscription));
}

function toRow(subscription: Subscription): string {
  const { subscriptionId, state, receiver, deadLetters, failing } = subscription;
  const letters = deadLetters === 0n ? "" : `  ${deadLetters} dead ${deadLetters === 1n ? "letter" : "letters"}`;
  const problem = failing === undefined ? "" : `  (${failing.problem})`;
  return `${subscriptionId}  ${STATES[state]?.padEnd(6)}  ${receiver.value ?? ""}${letters}${problem}`;
}

function describe(subscription: Subscription): string[] {
  const { types, pathPrefix, endReason, stateTime, progressTime, failing, lapseTime, cursor } = subscription;
  const since = `since ${toTime(stateTime)}${endReason === 0 ? "" : `, because ${END_REASONS[endReason]}`}`;
  const failures =
    failing && `fails since ${toTime(failing.sinceTime)}: ${failing.problem}; next try ${toTime(failing.nextTime)}`;
  return [
    toRow(subscription),
    `${STATES[subscription.state]} ${since}; up to date at ${toTime(progressTime)}, cursor ${cursor}`,
    `events: ${types.length === 0 ? "all types" : types.join(", ")}${pathPrefix === "" ? "" : `, below ${pathPrefix}`}`,
    ...(failures === undefined ? [] : [failures]),
    ...(lapseTime === undefined ? [] : [`ends at ${toTime(lapseTime)} unless an event is delivered before`]),
  ];
}

function toTime(time: Timestamp | undefined): string {
  return time === undefined ? "-" : formatTime(timestampDate(time));
}

function toJson(subscription: Subscription): Record<string, unknown> {
  const { namespace, subscriptionId, receiver, types, pathPrefix, principal, state, endReason } = subscription;
  const { createTime, stateTime, progressTime, lapseTime, formerSecretEndTime, failing } = subscription;
  const toIso = (time: Timestamp | undefined) => time && timestampDate(time).toISOString();
  return {
    ...{ namespace, subscriptionId, types, pathPrefix, principal, cursor: subscription.cursor },
    ...(receiver.case !== undefined && { [receiver.case]: receiver.value }),
    state: STATES[state] ?? "unknown",
    ...(endReason !== 0 && { endReason: END_REASONS[endReason] }),
    ...{ createTime: toIso(createTime), stateTime: toIso(stateTime), progressTime: toIso(progressTime) },
    ...{ lapseTime: toIso(lapseTime), formerSecretEndTime: toIso(formerSecretEndTime) },
    ...(failing !== undefined && {
      failing: {
        ...{ failures: failing.failures, problem: failing.problem, sinceTime: toIso(failing.sinceTime) },
        ...{ lastTime: toIso(failing.lastTime), nextTime: toIso(failing.nextTime) },
      },
    }),
    deadLetters: Number(subscription.deadLetters),
  };
}

function toLetterJson({ eventId, sequence, failures, problem, time, isWanted }: DeadLetter): Record<string, unknown> {
  return {
    ...{ eventId, sequence: String(sequence), failures, problem, isWanted },
    time: time && timestampDate(time).toISOString(),
  };
}
