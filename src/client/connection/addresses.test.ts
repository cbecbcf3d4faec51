import { expect } from "chai";
import { Addresses } from "./addresses.ts";

describe("Addresses", () => {
  it("goes round through all addresses", () => {
    const route = new Addresses(["a", "b", "c"]).route();
    const seen = Array.from({ length: 4 }, () => {
      const { current } = route;
      route.next();
      return current;
    });
    expect(seen).to.deep.equal(["a", "b", "c", "a"]);
  });

  it("begins where earlier work went, and moves on once however many fail at one address", () => {
    const addresses = new Addresses(["a", "b", "c"]);
    const [first, second] = [addresses.route(), addresses.route()];
    first.next();
    second.next();
    expect([first.current, second.current, addresses.route().current]).to.deep.equal(["b", "b", "b"]);
  });

  it("spreads work, and lets a failure elsewhere not move what works", () => {
    const addresses = new Addresses(["a", "b"]);
    const routes = [0, 1, 2, 3].map((offset) => addresses.route(offset));
    expect(routes.map(({ current }) => current)).to.deep.equal(["a", "b", "a", "b"]);
    routes[1]?.next();
    expect(routes[1]?.current).to.equal("a");
    expect(addresses.route().current).to.equal("a");
  });
});
