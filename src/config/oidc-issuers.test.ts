import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { oidcIssuers } from "./oidc-issuers.ts";

const LEAST = { alias: "corp", issuer: "https://id.example.org", audiences: ["sluice"] };

describe("oidcIssuers", () => {
  const parse = (issuers: unknown) =>
    oidcIssuers().safeParse(typeof issuers === "string" ? issuers : JSON.stringify(issuers));
  const problemsOf = (issuers: unknown) => parse(issuers).error?.issues.map(({ message }) => message) ?? [];

  it("needs an alias, the issuer and audiences, and has a reasoned default for each other", () => {
    expect(parse([LEAST]).data).to.deep.equal([
      {
        ...LEAST,
        jwksUri: undefined,
        audienceClaim: "aud",
        algorithms: ["RS256", "ES256"],
        subjectClaim: ["sub"],
        groupsClaim: undefined,
        requiredClaims: {},
        clockToleranceMs: 60_000,
        login: undefined,
      },
    ]);
  });

  it("takes claims by name or path, and required values alone, in lists, and of claims of claims", () => {
    const { data } = parse([
      {
        ...LEAST,
        subject_claim: "oid",
        groups_claim: ["realm_access", "roles"],
        required_claims: { tid: "1", acr: [1, 2], verified: true, "kubernetes.io": { namespace: "prod" } },
      },
    ]);
    expect(data?.[0]).to.deep.include({
      subjectClaim: ["oid"],
      groupsClaim: ["realm_access", "roles"],
      requiredClaims: { tid: ["1"], acr: [1, 2], verified: [true], "kubernetes.io": { namespace: ["prod"] } },
    });
  });

  it("says every mistake at once, by its place", () => {
    const problems = problemsOf([
      { ...LEAST, alias: "Corp", issuer: "http://id.example.org", audiences: [], algorithms: ["HS256"], audience: "x" },
      {
        alias: "iam",
        issuer: "https://u:p@id.example.org",
        audiences: "sluice",
        groups_claim: 7,
        required_claims: { a: null },
      },
    ]);
    const begun = [
      "[0].alias: must be 1 to 32",
      "[0].issuer: must be an https://",
      "[0].audiences: must list at least one",
    ];
    begun.push("[0].algorithms[0]: must be one of RS256", '[0]: there is no "audience"; the fields are alias, issuer');
    begun.push("[1].alias: must not be dev or iam", "[1].issuer: must be an https://", "[1].audiences: must list whom");
    begun.push("[1].groups_claim: must be the name of a claim", "[1].required_claims.a: must be a value, a list");
    for (const text of begun) {
      expect(
        problems.filter((problem) => problem.startsWith(`is wrong at ${text}`)),
        text,
      ).to.have.lengthOf(1);
    }
    expect(problems).to.have.lengthOf(begun.length);
  });

  it("refuses algorithms that need a secret, and none", () => {
    for (const algorithm of ["none", "HS256", "dir", "RSA1_5"]) {
      expect(problemsOf([{ ...LEAST, algorithms: [algorithm] }]), algorithm).to.have.lengthOf(1);
    }
  });

  it("refuses an alias or an issuer that comes twice, no issuers, too many, and what is no list", () => {
    expect(problemsOf([LEAST, LEAST])).to.deep.equal([
      'names the alias "corp" twice; each issuer is one entry',
      'names the issuer "https://id.example.org" twice; each issuer is one entry',
    ]);
    expect(problemsOf([])).to.have.lengthOf(1);
    expect(
      problemsOf(Array.from({ length: 21 }, (_, i) => ({ ...LEAST, alias: `a${i}`, issuer: `https://${i}.example` }))),
    ).to.have.lengthOf(1);
    expect(problemsOf({})).to.deep.equal(["is wrong at its top: must be a list of issuers"]);
    expect(problemsOf("[{")[0]).to.match(/^is not valid JSON: /);
  });

  describe("with a file", () => {
    const directory = mkdtempSync(join(tmpdir(), "sluice-issuers-"));
    after(() => rmSync(directory, { recursive: true }));
    const write = (name: string, text: string) => {
      const path = join(directory, name);
      writeFileSync(path, text);
      return path;
    };

    it("reads YAML and JSON", () => {
      const yaml = write("a.yaml", "- alias: corp\n  issuer: https://id.example.org\n  audiences: [sluice]\n");
      expect(parse(yaml).data).to.deep.equal(parse([LEAST]).data);
      expect(parse(write("a.json", JSON.stringify([LEAST]))).data).to.deep.equal(parse([LEAST]).data);
    });

    it("says that it is not there, is no YAML, or is too large", () => {
      expect(problemsOf(join(directory, "none.yaml"))[0]).to.match(/none\.yaml", which cannot be read \(ENOENT\)/);
      expect(problemsOf(write("b.yaml", "- [}"))[0]).to.match(/^is not valid JSON or YAML: /);
      expect(problemsOf(write("c.yaml", "a: &a [x, x]\nb: [*a, *a]\n"))[0]).to.match(/^is not valid JSON or YAML: /);
      expect(problemsOf(write("d.yaml", "#".repeat(262_145)))[0]).to.equal("has more than 262144 characters");
    });
  });
});
