import { expect } from "chai";
import { createReach, isLoopbackAddress, type Network, parseAllowedNetwork } from "./reachable-addresses.ts";

describe("createReach", () => {
  const mayReach = createReach([]);

  it("takes public addresses", () => {
    for (const address of ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"])
      expect(mayReach(address), address).to.equal(true);
  });

  it("refuses what is not public, at both ends of each network", () => {
    const refused = [
      ...["0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1"],
      ...["169.254.169.254", "169.254.170.2", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1"],
      ...["192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"],
      ...["240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::808:808"],
      ...[
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:808:808::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
      ],
      ...["fe80::1", "fec0::1", "ff02::1", "::8.8.8.8", "5f00::1", "4000::1"],
    ];
    for (const address of refused) expect(mayReach(address), address).to.equal(false);
  });

  it("refuses what is no address", () => {
    for (const text of ["", "localhost", "10.0.0", "fe80::1%eth0", "010.0.0.1"])
      expect(mayReach(text), text).to.equal(false);
  });

  it("takes what the operator allows beside, and never where clouds tell credentials", () => {
    const allowed = ["10.20.0.0/16", "fd00::/8", "100.64.0.0/10"].map((text) => parseAllowedNetwork(text) as Network);
    const mayReachOwn = createReach(allowed);
    for (const address of ["10.20.255.1", "fd00:1::1", "100.64.1.1", "8.8.8.8"])
      expect(mayReachOwn(address), address).to.equal(true);
    for (const address of ["10.21.0.1", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "169.254.169.254"])
      expect(mayReachOwn(address), address).to.equal(false);
  });
});

describe("parseAllowedNetwork", () => {
  it("takes private networks, and this host's own", () => {
    expect(parseAllowedNetwork("10.20.0.0/16")).to.deep.equal({ address: "10.20.0.0", bits: 16 });
    expect(parseAllowedNetwork("::1/128")).to.deep.equal({ address: "::1", bits: 128 });
    expect(["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "::ffff:127.0.0.1"].map(isLoopbackAddress)).to.deep.equal([
      true,
      true,
      true,
      false,
      true,
    ]);
  });

  it("says what is wrong with others", () => {
    for (const text of ["", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "example.org/8", "10.0.0.0/-1"])
      expect(parseAllowedNetwork(text), text).to.contain('write a network as "10.20.0.0/16"');
    for (const text of ["0.0.0.0/0", "10.0.0.0/7", "169.254.0.0/16", "8.8.8.0/24", "::/0", "fe80::/10", "224.0.0.0/4"])
      expect(parseAllowedNetwork(text), text).to.contain("only private networks need to be named");
  });
});
