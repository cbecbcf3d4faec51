import { expect } from "chai";
import {
  findBrokenLinks,
  findFormBreaches,
  findUnknownPages,
  findUnlistedPages,
  findUntestedBlocks,
} from "./page-rules.ts";
import type { Page } from "./pages.ts";
import { parseSourceFile } from "./source-file.ts";

const FENCE = "```";

/** A README and one page, `docs/moving.md`. */
function pagesOf({
  readme = "# Sluice\n",
  moving = "",
}: {
  readme?: string | undefined;
  moving?: string;
}): Map<string, Page> {
  return new Map([
    ["README", { path: "README.md", text: readme }],
    ["moving", { path: "docs/moving.md", text: moving }],
  ]);
}

function blockOf(language: string): string {
  return `${FENCE}${language}\nls\n${FENCE}\n`;
}

describe("findUntestedBlocks", () => {
  const test = parseSourceFile("src/x.test.ts", 'run(testedBlock("moving", "By hand", "sh"));');

  it("names a block that no test takes, with the call that would", () => {
    const moving = `# Moving\n\n## By hand\n\n${blockOf("sh")}\n${blockOf("ts")}`;
    expect(findUntestedBlocks(pagesOf({ moving }), [test])).to.deep.equal([
      'docs/moving.md:9 has a ts block that no test runs; run it in one, by testedBlock("moving", "By hand", "ts")',
    ]);
  });

  it("takes a block of another heading, and a call that is in no test, for none", () => {
    const moving = `# Moving\n\n${blockOf("sh")}`;
    expect(findUntestedBlocks(pagesOf({ moving }), [test])).to.have.length(1);
    const code = parseSourceFile("src/x.ts", 'testedBlock("moving", "Moving", "sh");');
    expect(findUntestedBlocks(pagesOf({ moving }), [code])).to.have.length(1);
  });

  it("names a second block of a language below one heading, which no test could take", () => {
    const moving = `## By hand\n\n${blockOf("sh")}\n${blockOf("sh")}`;
    expect(findUntestedBlocks(pagesOf({ moving }), [test])).to.deep.equal([
      'docs/moving.md:7 has a second sh block below "By hand"; join them, or add a heading',
    ]);
  });

  it("wants a language, and lets text be read only", () => {
    const moving = `## By hand\n\n- a list\n\n  ${blockOf("").replaceAll("\n", "\n  ")}\n${blockOf("text")}`;
    expect(findUntestedBlocks(pagesOf({ moving }), [test])).to.deep.equal([
      'docs/moving.md:5 has a block without a language; name it, or "text" where it is only read',
    ]);
  });
});

describe("findBrokenLinks", () => {
  const exists = (path: string) => ["README.md", "docs/moving.md", "src/main.ts"].includes(path);
  const find = (moving: string, readme?: string) => findBrokenLinks(pagesOf({ moving, readme }), exists);

  it("follows links to files from the folder of the page", () => {
    expect(find("[a](../src/main.ts) [b](../README.md) [c](https://example.com/x) [d](mailto:a@example.com)")).to.be
      .empty;
    expect(find("\n[a](src/main.ts)")).to.deep.equal([
      "docs/moving.md:2 links to src/main.ts, and there is no file docs/src/main.ts",
    ]);
  });

  it("follows links to headings, as GitHub names them", () => {
    const headings = "# The `rooms` of a_b: 1, 2\n\n## Twice\n\n## Twice\n";
    const links = "[a](#the-rooms-of-a_b-1-2) [b](#twice) [c](#twice-1)";
    expect(find(headings + links)).to.deep.equal([]);
    expect(find("# Moving", "[a](docs/moving.md#moving)")).to.deep.equal([]);
    expect(find(`${headings}[a](#twice-2)`)).to.deep.equal([
      "docs/moving.md:6 links to #twice-2, and docs/moving.md has no heading with the anchor twice-2",
    ]);
    expect(find("", "[a](docs/moving.md#moving) [b](src/main.ts#L3)")).to.have.length(2);
  });

  it("takes nothing in code for a link or a heading", () => {
    expect(find(`${FENCE}sh\n# Moving\n[a](nowhere)\n${FENCE}\n`)).to.deep.equal([]);
    expect(find(`${FENCE}sh\n# Moving\n${FENCE}\n[a](#moving)`)).to.have.length(1);
  });
});

describe("findUnlistedPages", () => {
  it("names a page that no table of the README leads to", () => {
    expect(findUnlistedPages(pagesOf({ readme: "| How? | [Moving](docs/moving.md) |" }))).to.deep.equal([]);
    expect(findUnlistedPages(pagesOf({ readme: "See [Moving](docs/moving.md)." }))).to.deep.equal([
      "docs/moving.md is in no table of README.md; add the question that it answers",
    ]);
  });
});

describe("findFormBreaches", () => {
  const moving = "# Moving\n\nThis page says how to move a file, and what\nhappens then.\n\nMore.\n";

  it("wants one sentence under the title of a page", () => {
    expect(findFormBreaches(pagesOf({ moving }))).to.deep.equal([]);
    const breach = "docs/moving.md does not begin with one sentence under its title; say what the page answers";
    for (const text of ["# Moving\n\n## How\n\nSo.\n\n", "# Moving\n\nTwo. Sentences.\n\n", "Moving.\n\n"])
      expect(findFormBreaches(pagesOf({ moving: text }))).to.deep.equal([breach]);
  });

  it("wants names in kebab-case", () => {
    const pages = new Map([["Moving_files", { path: "docs/Moving_files.md", text: moving }]]);
    expect(findFormBreaches(pages)).to.deep.equal([
      'docs/Moving_files.md is not named in kebab-case; write it like "docs/finding-files.md"',
    ]);
  });

  it("wants a README of at most 250 lines", () => {
    expect(findFormBreaches(pagesOf({ moving, readme: "line\n".repeat(250) }))).to.deep.equal([]);
    expect(findFormBreaches(pagesOf({ moving, readme: "line\n".repeat(251) }))).to.deep.equal([
      "README.md has 251 lines, 250 is the limit; move what a newcomer can do without to a page",
    ]);
  });
});

describe("findUnknownPages", () => {
  it("names pages and headings in code that do not exist", () => {
    const pages = pagesOf({ moving: "# Moving\n\n## By hand\n" });
    const find = (text: string) => findUnknownPages(pages, [{ path: "src/x.ts", text }]);
    expect(find("// docs/moving.md#by-hand says how; https://example.com/docs/other.md and docs/README.md do not")).to
      .be.empty;
    expect(find('"docs/other.md says how"')).to.deep.equal([
      "src/x.ts names docs/other.md, which is no page or no heading of it; name one that exists",
    ]);
    expect(find("// docs/moving.md#by-car says how")).to.have.length(1);
  });
});
