import { expect } from "chai";
import { createNoteKey } from "../domain/log/signed-note.ts";
import { auditKeys } from "./audit-log.ts";

describe("auditKeys", () => {
  const [first, second] = [createNoteKey("example.org/log"), createNoteKey("example.org/log")];
  const parse = (...keys: unknown[]) => auditKeys().safeParse(JSON.stringify(keys));

  it("reads one or two keys of one name", () => {
    expect(parse(first.signingKey).data?.map(({ verifierKey }) => verifierKey)).to.deep.equal([first.verifierKey]);
    expect(parse(second.signingKey, first.signingKey).data?.map(({ name }) => name)).to.deep.equal([
      ...["example.org/log", "example.org/log"],
    ]);
  });

  it("says what is wrong, and quotes nothing of a key", () => {
    const { signingKey } = first;
    const wrong: [unknown[], string][] = [
      [[], "must be a list of 1 to 2 keys"],
      [[signingKey.slice(0, -4)], "has a key 1 that must be a whole"],
      [[signingKey, first.verifierKey], "has a key 2 that must be a whole"],
      [[signingKey, signingKey], "has one key twice"],
      [[signingKey, createNoteKey("example.org/other").signingKey], "has two keys of different names"],
    ];
    for (const [keys, part] of wrong) {
      const problems =
        parse(...keys)
          .error?.issues.map(({ message }) => message)
          .join("; ") ?? "";
      expect(problems).to.contain(part).and.not.to.contain(signingKey.slice(-20));
    }
  });
});
