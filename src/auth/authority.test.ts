import { expect } from "chai";
import { type Grant, GrantTable } from "../domain/access/grants.ts";
import { UPLOAD_TOKEN_LIMITS } from "../domain/access/upload-token.ts";
import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import { Authority } from "./authority.ts";

describe("Authority", () => {
  describe("toIssuer", () => {
    const authorityOf = (grants: readonly Grant[]) => {
      const table = new GrantTable(grants);
      return new Authority({ grantsOf: () => table, freshen: () => undefined }, { admins: [] });
    };
    const ofGroup = (group: string, prefixes: string[] = [], roles: Grant["roles"] = ["writer"]): Grant => {
      return { member: { group }, roles, prefixes };
    };
    const callerIn = (...groups: string[]): Caller => ({ principal: "acme:alice", groups, tokenKind: "oidc" });

    it("names those groups alone that give the right to write there", () => {
      const authority = authorityOf([
        ofGroup("acme:all"),
        ofGroup("acme:own", ["own/"]),
        ofGroup("acme:deeper", ["own/deeper/"]),
        ofGroup("acme:other", ["other/"]),
        ofGroup("acme:readers", [], ["reader"]),
      ]);
      const groups = ["acme:deeper", "acme:own", "acme:other", "acme:readers", "acme:none", "acme:all"];
      const issuer = authority.toIssuer(callerIn(...groups), "default", "own/");
      expect(issuer).to.deep.equal({
        principal: "acme:alice",
        // Those that are enough by themselves come first.
        groups: ["acme:own", "acme:all", "acme:deeper"],
        tokenKind: "oidc",
      });
    });

    it("leaves out groups that a token has no room for, while the others are enough", () => {
      const long = (letter: string) => `acme:${letter.repeat(500)}`;
      const letters = ["a", "b", "c", "d", "e", "f", "g", "h"];
      const authority = authorityOf(letters.map((letter) => ofGroup(long(letter))));
      const { groups } = authority.toIssuer(callerIn(...letters.map(long)), "default", "own/");
      expect(groups).to.deep.equal(["a", "b", "c", "d", "e", "f"].map(long));
      expect(Buffer.byteLength(JSON.stringify(groups))).to.be.at.most(UPLOAD_TOKEN_LIMITS.groupsMaxBytes);
    });

    it("refuses a caller whose right takes more groups than there is room for", () => {
      const letters = ["a", "b", "c", "d", "e", "f", "g", "h"];
      const long = (letter: string) => `acme:${letter.repeat(500)}`;
      // Each of them gives a piece of the place, and no piece is all of it.
      const authority = authorityOf(letters.map((letter) => ofGroup(long(letter), [`own/${letter}/`])));
      try {
        authority.toIssuer(callerIn(...letters.map(long)), "default", "own/");
        expect.fail("nothing was refused");
      } catch (error) {
        expect(error).to.be.instanceOf(DomainError).and.include({ code: "failed_precondition" });
        expect((error as DomainError).message)
          .to.contain("8 groups together")
          .and.contain("3072 bytes");
      }
    });
  });

  it("gives whoever holds an upload token no role and no list", () => {
    const everything: Grant = {
      member: { principal: "acme:alice" },
      roles: ["reader", "writer", "admin"],
      prefixes: [],
    };
    const directory = { grantsOf: () => new GrantTable([everything]), freshen: () => undefined };
    const authority = new Authority(directory, { admins: ["acme:alice"] });
    const caller: Caller = { principal: "acme:alice", groups: [], tokenKind: "upload" };
    expect(authority.scopeOf(caller, "default", ["reader"])).to.deep.equal([]);
    expect(authority.isVisible(caller, "default")).to.equal(false);
    expect(authority.isServiceAdmin(caller)).to.equal(false);
    expect(authority.mayManage(caller, "setGrants", "default")).to.equal(false);
  });
});
