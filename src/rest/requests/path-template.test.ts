import { expect } from "chai";
import { compilePathTemplate } from "./path-template.ts";

describe("compilePathTemplate", () => {
  const match = (template: string, path: string) => {
    const found = compilePathTemplate(template).match(path.split("/"));
    return found && Object.fromEntries(found);
  };

  it("matches literals, one segment, and all that are left", () => {
    expect(match("/v1/a/{b}", "v1/a/x")).to.deep.equal({ b: ["x"] });
    expect(match("/v1/a/{b.c=*}/d/{e.f=**}", "v1/a/x/d/y/z")).to.deep.equal({ "b.c": ["x"], "e.f": ["y", "z"] });
    expect(match("/v1/a/{b=**}", "v1/a/")).to.deep.equal({ b: [""] });
  });

  it("matches nothing shorter, longer or other", () => {
    for (const path of ["v1/a", "v1/a/x/y", "v1/b/x", "a/x", ""])
      expect(match("/v1/a/{b}", path), path).to.equal(undefined);
    expect(match("/v1/a/{b=**}", "v1/a")).to.equal(undefined);
  });

  it("knows the verb and the fields", () => {
    const { verb, fields } = compilePathTemplate("/v1/{a}/b/{c=**}:undelete");
    expect([verb, fields]).to.deep.equal(["undelete", ["a", "c"]]);
    expect(compilePathTemplate("/v1/files:search")).to.include({ verb: "search" });
    expect(compilePathTemplate("/v1/files")).to.include({ verb: undefined });
  });

  it("refuses forms that no route has", () => {
    for (const template of ["/v1/{a=b/*}", "/v1/{a=**}/b", "/v1/*", "/v1/{A-B}"]) {
      expect(() => compilePathTemplate(template), template).to.throw();
    }
  });
});
