import { isIPv6 } from "node:net";

/** An IPv4 address in the form that a socket of both families shows. */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.)/i;
/** Groups of 16 bits in an IPv6 address, and in the network that counts as one caller's. */
const IPV6_GROUPS = { address: 8, network: 4 } as const;

/**
 * The network that counts as one address: an IPv4 address, or the /64 network of an IPv6 address. A /64 is the least that one
 * host gets, and has 2^64 addresses to call from (RFC 6177). Any other text is taken as it is.
 */
export function toNetwork(address: string): string {
  const plain = address.replace(MAPPED_IPV4, "");
  if (!isIPv6(plain)) return plain;
  const [before = "", after] = plain.split("%", 1)[0]?.split("::") ?? [];
  const head = toGroups(before);
  const tail = toGroups(after ?? "");
  const zeros = Array<string>(Math.max(0, IPV6_GROUPS.address - head.length - tail.length)).fill("0");
  const groups = after === undefined ? head : [...head, ...zeros, ...tail];
  return `${groups.slice(0, IPV6_GROUPS.network).join(":")}::/64`;
}

function toGroups(text: string): string[] {
  return text === "" ? [] : text.split(":").map((group) => group.replace(/^0+(?=.)/, "").toLowerCase());
}
