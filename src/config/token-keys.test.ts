import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { tokenKeys } from "./token-keys.ts";

describe("tokenKeys", () => {
  const [first, second] = [Buffer.alloc(32, 0xfb), Buffer.alloc(256, 0xff)];
  const parse = (text: string) => tokenKeys().safeParse(text);
  const problemsOf = (text: string) => parse(text).error?.issues.map(({ message }) => message) ?? [];
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-keys-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it("reads one or two keys, in either alphabet of base64, inline or from a file", async () => {
    const yaml = join(directory, "keys.yaml");
    await writeFile(yaml, `- ${first.toString("base64url")}\n- ${second.toString("base64")}\n`);
    const json = join(directory, "keys.json");
    await writeFile(json, JSON.stringify([first.toString("base64")]));
    expect(parse(yaml).data).to.deep.equal([first, second]);
    expect(parse(json).data).to.deep.equal([first]);
    expect(parse(JSON.stringify([second.toString("base64url")])).data).to.deep.equal([second]);
  });

  it("says what is wrong, and quotes nothing of a key", async () => {
    const key = first.toString("base64");
    const short = Buffer.alloc(31, 1).toString("base64");
    const broken = join(directory, "broken.yaml");
    await writeFile(broken, `- "${key}\n  : x: [`);
    const wrong: [string, string][] = [
      ["[]", "must be a list of 1 to 2 keys"],
      ["{}", "must be a list of 1 to 2 keys"],
      [JSON.stringify([key, key, key]), "must be a list of 1 to 2 keys"],
      [JSON.stringify([key, short]), "has a key 2 that must be 32 to 256 bytes in base64"],
      [JSON.stringify([Buffer.alloc(257).toString("base64")]), "has a key 1 that must be"],
      [JSON.stringify([`${key.slice(0, -1)}!`]), "has a key 1 that must be"],
      [JSON.stringify([1]), "has a key 1 that must be a text"],
      [JSON.stringify([key, first.toString("base64url")]), "has one key twice"],
      [`["${key}"`, "is not valid JSON"],
      // Whoever forgets the brackets has written the key where the name of a file is expected.
      [key, "names a file, which cannot be read (ENOENT)"],
      [broken, "is not valid JSON or YAML"],
    ];
    for (const [text, part] of wrong) {
      const problems = problemsOf(text).join("; ");
      expect(problems).to.contain(part);
      expect(problems).not.to.contain(key.slice(0, 8)).and.not.to.contain(short.slice(0, 8));
    }
  });
});
