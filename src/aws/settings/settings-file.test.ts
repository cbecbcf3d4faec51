import { expect } from "chai";
import { configure } from "../configure.ts";
import { readSettingsFile, SETTINGS_BYTES_MAX } from "./settings-file.ts";

/** The problems of a text, a line each. */
function problemsOf(text: string): string[] {
  try {
    readSettingsFile(text, "settings");
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

describe("readSettingsFile", () => {
  it("takes 64 KiB and not a byte more, counted in UTF-8", () => {
    const text = `bucket: a${" ".repeat(SETTINGS_BYTES_MAX - 11)}\u00e4`;
    expect(problemsOf(text)).to.deep.equal([]);
    expect(problemsOf(`${text} `)).to.deep.equal(["settings has 65537 bytes; 65536 is the limit"]);
  });

  it("finds each key that its map has before, wherever the map stands", () => {
    const text = "a: {b: 1, c: 2, b: 3}\nd:\n  - e: 1\n    e: 2\n1: x\n'1': y\na: 4\n";
    const message = "Map keys must be unique";
    const places = ["1:17", "4:5", "6:1", "7:1"];
    expect(problemsOf(text)).to.have.members(places.map((place) => `settings:${place}: ${message}`));
  });

  it("says so of an alias that nothing is named by", () => {
    expect(problemsOf("bucket: *b\n")).to.deep.equal([
      "settings has more than 100 aliases, or one that no anchor stands before; write it out",
    ]);
  });

  it("reads maps that lie in one another, or says that they lie too deep", () => {
    for (const text of ["[".repeat(8000), "{a: ".repeat(8000), "- ".repeat(8000), "? ".repeat(8000)]) {
      expect(problemsOf(text)[0]).to.match(/^settings:1:\d+: Maps and lists are nested too deeply$/);
    }
  });
});

describe("a problem of an item of a list", () => {
  it("is told with its place", () => {
    const text =
      "bucket: my-files\nregion: eu-central-1\naccount: '111122223333'\nconsumers:\n  - name: a\n    acount: '1'\n";
    const place = /^settings:6:5: consumers\.0\.acount is no setting; did you mean "account"\?$/m;
    expect(() => configure({ file: { text, name: "settings" } })).to.throw(place);
  });
});

describe("configure with thousands of mistakes", () => {
  it("says the first hundred, and how many there are beside them", () => {
    const text = Array.from({ length: 5000 }, (_, at) => `k${at}: 1\n`).join("");
    const lines = () => configure({ file: { text, name: "settings" } });
    expect(lines).to.throw(/^settings:1:1: bucket is missing\n.*\nand 4903 more$/s);
  });
});
