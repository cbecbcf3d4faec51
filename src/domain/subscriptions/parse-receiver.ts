import { isIP } from "node:net";
import { invalidArgument } from "../errors.ts";
import { isLoopbackAddress } from "./reachable-addresses.ts";
import { type Receiver, SUBSCRIPTION_LIMITS } from "./subscription.ts";

/** Who events may be sent to. */
export interface ReceiverPolicy {
  /** Whether webhooks may reach an address. */
  mayReach: (address: string) => boolean;
  /** ARNs of the buses that the service's role may be used for. */
  buses: readonly string[];
}

const HTTPS_PORT = 443;
/** Below it are the ports of other protocols, which a request could be taken for. */
const OTHER_PORTS_MIN = 1024;

/** Checks who is to receive events: `invalid_argument / ARGUMENT_INVALID` with the field and what would be right. */
export function parseReceiver(receiver: Receiver, policy: ReceiverPolicy): Receiver {
  if (receiver.kind === "webhook") return { kind: "webhook", url: parseUrl(receiver.url, policy) };
  if (policy.buses.includes(receiver.arn)) return receiver;
  const known =
    policy.buses.length === 0
      ? "this service has no bus: whoever runs it names buses in SLUICE_EVENT_BUSES"
      : `there are ${policy.buses.join(", ")}, which SLUICE_EVENT_BUSES names`;
  throw invalidArgument("event_bus_arn", `${show(receiver.arn)} is no bus of this service; ${known}`);
}

/** The region of a bus. */
export function toBusRegion(arn: string): string {
  return arn.split(":")[3] ?? "";
}

function parseUrl(text: string, { mayReach }: ReceiverPolicy): string {
  const refuse = (problem: string) => invalidArgument("webhook_url", problem);
  const { urlMaxCharacters } = SUBSCRIPTION_LIMITS;
  if (text.length > urlMaxCharacters)
    throw refuse(`webhook_url has ${text.length} characters; the limit is ${urlMaxCharacters}`);
  const url = URL.parse(text);
  if (url === null) throw refuse(`webhook_url is ${show(text)}; send a URL such as "https://example.org/events"`);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isPlain = url.protocol === "http:" && isLoopbackAddress(host) && mayReach(host);
  if (url.protocol !== "https:" && !isPlain)
    throw refuse(`webhook_url begins with ${show(url.protocol)}; events go over https alone`);
  if (url.username !== "" || url.password !== "")
    throw refuse("webhook_url has a user or password; each request has a signature instead, so leave them out");
  if (url.hash !== "") throw refuse("webhook_url has a fragment, which no server sees; leave it out");
  const port = Number(url.port === "" ? HTTPS_PORT : url.port);
  if (port !== HTTPS_PORT && port < OTHER_PORTS_MIN)
    throw refuse(`webhook_url has port ${port}; it may have ${HTTPS_PORT}, or ${OTHER_PORTS_MIN} and above`);
  if (isIP(host) !== 0 && !mayReach(host))
    throw refuse(`webhook_url names the address ${host}, which webhooks may not reach; send a URL with a public name`);
  return url.href;
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
