import { expect } from "chai";
import { toNetwork } from "./address-network.ts";

describe("toNetwork", () => {
  for (const [address, network] of [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:0001:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["1:2:3::", "1:2:3:0::/64"],
    ["", ""],
  ] as const) {
    it(`counts ${JSON.stringify(address)} as ${network}`, () => {
      expect(toNetwork(address)).to.equal(network);
    });
  }
});
