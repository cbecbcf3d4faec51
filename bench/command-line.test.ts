import { expect } from "chai";
import { count, flag, list, name, number, only, optional, parseOptions, text } from "./command-line.ts";

describe("parseOptions", () => {
  const options = {
    rounds: count("rounds", 3, [0, 100]),
    sizeGib: number("size", 1, [0.01, 1024]),
    at: { ...list(count("how many at once", 1, [1, 1000])), fallback: "1,50" },
    only: only(["floor", "sluice"]),
    s3: name("the S3 server", ["dev", "versitygw"]),
    against: text("DIR", "another checkout"),
    seconds: optional(count("seconds", 1, [1, 10])),
    rss: flag("peak memory as well"),
  };
  const parse = (...args: string[]) => parseOptions({ options }, args);

  it("takes the defaults of what is not given", () => {
    const nothing = { only: undefined, against: undefined, seconds: undefined, rss: false, json: false };
    expect(parse()).to.deep.equal({ rounds: 3, sizeGib: 1, at: [1, 50], s3: "dev", ...nothing });
  });

  it("takes what is given", () => {
    const given = ["--size-gib", "0.25", "--at", "4,5", "--only", "sluice", "--s3", "versitygw", "--seconds", "2"];
    expect(parse(...given, "--against", "../before", "--rss", "--json")).to.deep.include({
      ...{ sizeGib: 0.25, at: [4, 5], only: ["sluice"], s3: "versitygw", seconds: 2 },
      ...{ against: "../before", rss: true, json: true },
    });
  });

  for (const [args, words] of [
    ["--rounds 101", '--rounds is "101"; a whole number from 0 to 100 is needed'],
    ["--rounds 1.5", '--rounds is "1.5"; a whole number'],
    ["--size-gib many", '--size-gib is "many"; a number from 0.01 to 1024 is needed'],
    ["--only floor,ceiling", '--only names "ceiling"; there are floor, sluice'],
    ["--s3 other", '--s3 names "other"; there are dev, versitygw'],
    ["--fast", "--fast"],
  ] as const) {
    it(`refuses ${args}`, () => {
      expect(() => parse(...args.split(" "))).to.throw(words);
    });
  }

  it("refuses what does not go together", () => {
    const check = ({ rss }: { rss: boolean }) => {
      if (rss) throw new Error("not now");
    };
    expect(() => parseOptions({ options, check }, ["--rss"])).to.throw("not now");
  });
});
