import { SluiceError } from "../sluice-error.ts";

/** Most addresses of one service: a call has as many tries, so that each address gets one. */
export const ADDRESSES_MAX = 10;

/**
 * Parses the addresses of one service, from a list or from a text that separates them by commas; each is returned once. Throws
 * `invalid_argument / ADDRESS_INVALID` for no address, for more than `ADDRESSES_MAX`, and for one that is no http or https URL.
 */
export function parseAddresses(addresses: string | readonly string[]): URL[] {
  const listed = typeof addresses === "string" ? addresses.split(",") : addresses;
  const urls = new Map<string, URL>();
  for (const text of listed.map((address) => address.trim())) {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
      throw invalid(`"${text}" is no address of a service; give an http or https URL, or several, separated by commas`);
    }
    urls.set(url.href, url);
  }
  if (urls.size === 0 || urls.size > ADDRESSES_MAX) {
    throw invalid(`${urls.size} addresses were given; give 1 to ${ADDRESSES_MAX}`);
  }
  return [...urls.values()];
}

function invalid(message: string): SluiceError {
  return new SluiceError("invalid_argument", message, { reason: "ADDRESS_INVALID" });
}
