import type { Command } from "commander";
import { UsageError } from "../terminal/exit-code.ts";
import type { Terminal } from "../terminal/terminal.ts";

// The actions are loaded when one is called, like those of all commands that call the service.
const loadActions = () => import("./subscriptions-actions.ts");

/** Adds `sluice subscriptions`. The function that other commands use as well is passed in. */
export function addSubscriptions(
  program: Command,
  terminal: Terminal,
  { withConnection }: { withConnection: (command: Command) => Command },
): void {
  const subscriptions = program
    .command("subscriptions")
    .description("who has the events of a namespace sent to them: webhooks, and buses of EventBridge");
  const withId = (name: string) =>
    withConnection(subscriptions.command(name)).argument("<subscription-id>", "id of the subscription");
  withConnection(subscriptions.command("ls"))
    .description("list subscriptions: id, state, dead letters, receiver, and why deliveries fail")
    .action(async (options) => (await loadActions()).runListSubscriptions(terminal, options));
  withConnection(subscriptions.command("create"))
    .description("send events to a receiver; prints the secret of a webhook, which is shown only now")
    .option("--webhook <url>", "URL that each event is posted to")
    .option("--event-bus <arn>", "ARN of a bus of EventBridge, one of SLUICE_EVENT_BUSES")
    .option("--type <type...>", "only events of these types, for instance sluice.file.committed.v1")
    .option("--prefix <prefix>", "only events of paths that begin with this", "")
    .option("--after <cursor>", "also the events behind this cursor; those from now on when left out", "")
    .action(async (options) => {
      if ((options.webhook === undefined) === (options.eventBus === undefined))
        throw new UsageError("say who receives the events; give --webhook or --event-bus, one of them");
      await (await loadActions()).runCreateSubscription(terminal, options);
    });
  withId("show")
    .description("show a subscription, how its deliveries go, and its dead letters")
    .action(async (id, options) => (await loadActions()).runShowSubscription(terminal, id, options));
  withId("rm")
    .description("end a subscription for good, with its dead letters")
    .action(async (id, options) => (await loadActions()).runRemoveSubscription(terminal, id, options));
  withId("pause")
    .description("send nothing for a while; after 7 days the subscription ends")
    .action(async (id, options) => (await loadActions()).runPauseSubscription(terminal, id, options));
  withId("resume")
    .description("go on with a subscription that was paused, or that the service has ended")
    .action(async (id, options) => (await loadActions()).runResumeSubscription(terminal, id, options));
  withId("rotate")
    .description("give a webhook a new secret and print it; the one before signs as well for a day")
    .action(async (id, options) => (await loadActions()).runRotateSecret(terminal, id, options));
  withId("redeliver")
    .description("send the dead letters again, or move the cursor")
    .option("--after <cursor>", "all events behind this cursor, also those that were delivered")
    .option("--all", "all events that are kept", false)
    .option("--new", "none until now, and those that happen from now on", false)
    .action(async (id, options) => {
      if ([options.after !== undefined, options.all, options.new].filter(Boolean).length > 1)
        throw new UsageError(
          "--after, --all and --new exclude each other; give one of them, or none for the dead letters",
        );
      await (await loadActions()).runRedeliver(terminal, id, options);
    });
}
