import { expect } from "chai";
import { ADDRESSES_MAX, parseAddresses } from "./parse-addresses.ts";

const hrefs = (addresses: string | readonly string[]) => parseAddresses(addresses).map(({ href }) => href);

describe("parseAddresses", () => {
  it("takes one, several by commas, or a list, each once", () => {
    expect(hrefs("http://a:8080")).to.deep.equal(["http://a:8080/"]);
    expect(hrefs(" https://a/files , http://b,http://b/")).to.deep.equal(["https://a/files", "http://b/"]);
    expect(hrefs(["http://b", "http://a"])).to.deep.equal(["http://b/", "http://a/"]);
  });

  for (const text of ["", "ftp://a", "a:8080", "http://a,", "http://user:secret@a", "http://a?b=c"]) {
    it(`refuses "${text}" with a sentence`, () => {
      expect(() => parseAddresses(text)).to.throw(/is no address of a service; give an http or https URL/);
    });
  }

  it("refuses none, and more than ten", () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => `http://h${i}`);
    expect(parseAddresses(many(ADDRESSES_MAX))).to.have.length(10);
    expect(() => parseAddresses(many(11))).to.throw("11 addresses were given; give 1 to 10");
    expect(() => parseAddresses([])).to.throw("0 addresses were given; give 1 to 10");
  });
});
