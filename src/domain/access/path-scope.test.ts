import { expect } from "chai";
import { isInScope, NO_PATH, narrowScope, toPathScope, WHOLE_NAMESPACE } from "./path-scope.ts";

describe("toPathScope", () => {
  it("merges prefixes that lie within another, whatever their order", () => {
    expect(toPathScope(["b/c/", "a/", "b/", "a/x/y/", "b/"])).to.deep.equal(["a/", "b/"]);
  });

  it("keeps prefixes that only begin alike", () => {
    expect(toPathScope(["team/", "team-b/", "tea/"])).to.deep.equal(["tea/", "team-b/", "team/"]);
  });

  it("is the whole namespace as soon as one prefix is", () => {
    expect(toPathScope(["a/", ""])).to.deep.equal(WHOLE_NAMESPACE);
  });

  it("orders by bytes, not by UTF-16", () => {
    expect(toPathScope(["\u{1f600}/", "\uffee/"])).to.deep.equal(["\uffee/", "\u{1f600}/"]);
  });
});

describe("isInScope", () => {
  it("takes what begins with a prefix, and nothing that only looks alike", () => {
    const scope = toPathScope(["team/", "x/"]);
    const paths = ["team/a", "team/b/c", "team", "team-b/a", "a/team/x", "x/", "X/a"];
    expect(paths.filter((path) => isInScope(scope, path))).to.deep.equal(["team/a", "team/b/c", "x/"]);
    expect(isInScope(NO_PATH, "team/a")).to.equal(false);
    expect(isInScope(WHOLE_NAMESPACE, "anything")).to.equal(true);
  });
});

describe("narrowScope", () => {
  const scope = toPathScope(["a/b/", "a/c/", "d/"]);
  for (const [prefix, narrowed] of [
    ["", ["a/b/", "a/c/", "d/"]],
    ["a/", ["a/b/", "a/c/"]],
    ["a/b/", ["a/b/"]],
    ["a/b/x", ["a/b/x"]],
    ["a/bc", []],
    ["e", []],
  ] as const) {
    it(`leaves ${JSON.stringify(narrowed)} of what begins with ${JSON.stringify(prefix)}`, () => {
      expect(narrowScope(scope, prefix)).to.deep.equal(narrowed);
    });
  }
});
