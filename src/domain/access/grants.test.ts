import { expect } from "chai";
import { catchError } from "../../testing/samples/sample-records.ts";
import {
  GRANT_PREFIXES_MAX,
  GRANTS_MAX,
  type Grant,
  GrantTable,
  NAMESPACE_PREFIXES_MAX,
  parseGrants,
} from "./grants.ts";
import type { Role } from "./role.ts";

const ROLE = "iam:arn:aws:sts::111122223333:assumed-role/ci";

const grant = (overrides: Partial<Grant> = {}): Grant => ({
  member: { principal: "acme:alice" },
  roles: ["reader"],
  prefixes: [],
  ...overrides,
});

describe("parseGrants", () => {
  it("merges prefixes and orders roles, each once", () => {
    const parsed = parseGrants([
      grant({ roles: ["writer", "reader", "writer"], prefixes: ["b/", "a/x/", "a/"] }),
      grant({ member: { group: "entra:finance" }, roles: ["admin"] }),
    ]);
    expect(parsed).to.deep.equal([
      grant({ roles: ["reader", "writer"], prefixes: ["a/", "b/"] }),
      grant({ member: { group: "entra:finance" }, roles: ["admin"] }),
    ]);
  });

  it("writes prefixes in NFC, as paths are", () => {
    expect(parseGrants([grant({ prefixes: ["u\u0308/"] })])[0]?.prefixes).to.deep.equal(["\u00fc/"]);
  });

  it("takes as many grants and prefixes as the limits say", () => {
    const prefixes = Array.from({ length: GRANT_PREFIXES_MAX }, (_, index) => `p${index}/`);
    const full = Array.from({ length: NAMESPACE_PREFIXES_MAX / GRANT_PREFIXES_MAX }, () => grant({ prefixes }));
    const rest = Array.from({ length: GRANTS_MAX - full.length }, () => grant());
    expect(parseGrants([...full, ...rest])).to.have.lengthOf(GRANTS_MAX);
  });

  const tooMany = Array.from({ length: GRANT_PREFIXES_MAX + 1 }, (_, index) => `p${index}/`);
  for (const [title, grants, part] of [
    ["a principal without an issuer", [grant({ member: { principal: "alice" } })], 'principal "alice" names no issuer'],
    ["a group without a name", [grant({ member: { group: "acme:" } })], 'group "acme:" names no issuer'],
    ["a name of 513 characters", [grant({ member: { principal: `a:${"x".repeat(511)}` } })], "513 characters"],
    ["an unknown role", [grant({ roles: ["owner" as Role] })], 'no role "owner"; the roles are reader, writer'],
    [
      "a role of AWS by its path",
      [grant({ member: { principal: "iam:arn:aws:iam::111122223333:role/a/b" } })],
      "neither path",
    ],
    ["a star within a role", [grant({ member: { principal: `${ROLE}*-x` } })], 'a "*" may stand at the very end'],
    ["a group of AWS", [grant({ member: { group: `${ROLE}` } })], "callers of AWS have no groups"],
    ["no role", [grant({ roles: [] })], "has no role"],
    ["a prefix without a slash", [grant({ prefixes: ["team"] })], '"team" must end in "/"'],
    ["a prefix with ..", [grant({ prefixes: ["a/../b/"] })], 'an empty segment, "." or ".."'],
    ["a prefix that begins with a slash", [grant({ prefixes: ["/a/"] })], "an empty segment"],
    ["a prefix of 1,025 bytes", [grant({ prefixes: [`${"x".repeat(1024)}/`] })], "1025 bytes; the limit is 1024"],
    ["a lone surrogate", [grant({ prefixes: ["\ud800/"] })], "not well-formed"],
    ["101 prefixes", [grant({ prefixes: tooMany })], "101 prefixes; the limit of a grant is 100"],
    ["1,001 grants", Array.from({ length: GRANTS_MAX + 1 }, () => grant()), "1001 grants; the limit is 1000"],
    [
      "1,100 prefixes together",
      Array.from({ length: 11 }, () => grant({ prefixes: tooMany.slice(1) })),
      "1100 prefixes together; the limit of a namespace is 1000",
    ],
  ] as const) {
    it(`refuses ${title}`, async () => {
      const error = await catchError(() => parseGrants(grants));
      expect(error).to.include({ code: "invalid_argument", reason: "GRANT_INVALID" });
      expect(error).to.have.property("message").that.contains(part);
    });
  }

  it("says all problems at once", async () => {
    const error = await catchError(() => parseGrants([grant({ roles: [] }), grant({ prefixes: ["a", "/"] })]));
    expect(error)
      .to.have.property("message")
      .that.matches(/grant 1: .*; grant 2: .*"a".*; grant 2: .*"\/"/);
  });
});

describe("GrantTable", () => {
  const table = new GrantTable(
    parseGrants([
      grant({ prefixes: ["a/"] }),
      grant({ roles: ["reader", "writer"], prefixes: ["b/"] }),
      grant({ member: { group: "acme:team" }, roles: ["writer"] }),
      grant({ member: { principal: "other:alice" }, roles: ["admin"] }),
      grant({ member: { group: "acme:alice" }, roles: ["auditor"] }),
    ]),
  );
  const alice = { principal: "acme:alice", groups: [] };

  it("gathers the prefixes of a principal's grants, role by role", () => {
    expect(table.scopeOf(alice, "reader")).to.deep.equal(["a/", "b/"]);
    expect(table.scopeOf(alice, "writer")).to.deep.equal(["b/"]);
  });

  it("adds those of the groups", () => {
    expect(table.scopeOf({ ...alice, groups: ["acme:none", "acme:team"] }, "writer")).to.deep.equal([""]);
  });

  it("denies what no grant says, and includes no role in another", () => {
    for (const role of ["deleter", "auditor", "admin"] as const) expect(table.scopeOf(alice, role)).to.deep.equal([]);
    const admin = { principal: "other:alice", groups: [] };
    expect(table.scopeOf(admin, "admin")).to.deep.equal([""]);
    for (const role of ["reader", "writer", "deleter", "auditor"] as const)
      expect(table.scopeOf(admin, role)).to.deep.equal([]);
  });

  it("takes no principal for the group of the same name", () => {
    expect(table.scopeOf({ principal: "acme:bob", groups: ["acme:alice"] }, "reader")).to.deep.equal([]);
    expect(table.scopeOf(alice, "auditor")).to.deep.equal([]);
  });

  describe("for roles of AWS", () => {
    const roles = new GrantTable(
      parseGrants([
        grant({ member: { principal: ROLE }, roles: ["reader"], prefixes: ["one/"] }),
        grant({ member: { principal: `${ROLE}-*` }, roles: ["reader"], prefixes: ["many/"] }),
        grant({ member: { principal: `${ROLE}-build` }, roles: ["writer"] }),
        grant({ member: { principal: "github:ci-*" }, roles: ["admin"] }),
      ]),
    );
    const scope = (principal: string, role: Role) => roles.scopeOf({ principal, groups: [] }, role);

    it("takes a star at the end for every name that continues there", () => {
      expect(scope(`${ROLE}-test`, "reader")).to.deep.equal(["many/"]);
      expect(scope(`${ROLE}-build`, "reader")).to.deep.equal(["many/"]);
      expect(scope(`${ROLE}-build`, "writer")).to.deep.equal([""]);
    });

    it("takes no other name for one of them", () => {
      expect(scope(ROLE, "reader")).to.deep.equal(["one/"]);
      for (const other of [`${ROLE}x`, `${ROLE}`.replace("1111", "9999"), `${ROLE}-x`.replace(":aws:", ":aws-cn:")])
        expect(scope(other, "reader").includes("many/"), other).to.equal(false);
    });

    it("takes the star in another issuer's name as it is written", () => {
      expect(scope("github:ci-x", "admin")).to.deep.equal([]);
      expect(scope("github:ci-*", "admin")).to.deep.equal([""]);
    });
  });
});
