import { BlockList, isIP } from "node:net";

/** A network of addresses: its first address, and how many bits all of them have in common. */
export interface Network {
  readonly address: string;
  readonly bits: number;
}

/**
 * Addresses that are no host of the public Internet: IANA's registry of special-purpose addresses
 * (iana.org/assignments/iana-ipv4-special-registry), multicast, and what is reserved.
 */
const SPECIAL_IPV4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/4", "240.0.0.0/4"],
];
/**
 * The addresses that IANA gives to hosts. All others are refused: loopback, unique local, link-local and multicast ones, and those that
 * carry an IPv4 address (mapped ::ffff:0:0/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48).
 */
const GLOBAL_IPV6 = ["2000::/3"];
/** Special ones among these: protocols (2001::/23, Teredo among them), examples, and 6to4, which carries an IPv4 address. */
const SPECIAL_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/** Networks of which an operator may allow some to webhooks: private, shared (CGNAT), unique local and loopback ones. */
const ALLOWABLE = [
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"],
  ...["127.0.0.0/8", "::1/128"],
].map(toNetwork);

/** Where clouds tell their machines credentials, beside link-local addresses: nobody may allow these. */
const METADATA = ["fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32"];

const metadata = toList(METADATA.map(toNetwork));
const special = toList([...SPECIAL_IPV4, ...SPECIAL_IPV6].map(toNetwork));
const global = toList(GLOBAL_IPV6.map(toNetwork));
const loopback = toList(["127.0.0.0/8", "::1/128"].map(toNetwork));

/** Says whether webhooks may reach an address: a public one, or one of the networks that the operator allows beside. */
export function createReach(allowed: readonly Network[]): (address: string) => boolean {
  const beside = toList(allowed);
  return (address) => {
    const family = familyOf(address);
    if (family === undefined || metadata.check(address, family)) return false;
    if (beside.check(address, family)) return true;
    if (special.check(address, family)) return false;
    return family === "ipv4" || global.check(address, family);
  };
}

/** Whether an address is of this host itself. */
export function isLoopbackAddress(address: string): boolean {
  const family = familyOf(address);
  return family !== undefined && loopback.check(address, family);
}

/**
 * Reads a network that an operator allows, such as "10.20.0.0/16"; returns a sentence when it is none, or one that is never allowed,
 * such as that of the metadata of a virtual machine.
 */
export function parseAllowedNetwork(text: string): Network | string {
  const [, address = "", digits] = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const family = familyOf(address);
  const bits = Number(digits);
  if (family === undefined || bits > (family === "ipv4" ? 32 : 128))
    return `names ${JSON.stringify(text)}; write a network as "10.20.0.0/16"`;
  const isWithin = ALLOWABLE.some((one) => bits >= one.bits && toList([one]).check(address, family));
  if (isWithin) return { address, bits };
  return `names ${text}; only private networks need to be named, so it must lie within ${ALLOWABLE.map(show).join(", ")}`;
}

function show({ address, bits }: Network): string {
  return `${address}/${bits}`;
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const family = isIP(address);
  return family === 0 ? undefined : family === 4 ? "ipv4" : "ipv6";
}

function toNetwork(text: string): Network {
  const [address = "", bits] = text.split("/");
  return { address, bits: Number(bits) };
}

function toList(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const { address, bits } of networks) list.addSubnet(address, bits, familyOf(address));
  return list;
}
