import { expect } from "chai";
import { parse } from "yaml";
import { type ConfiguredIssuer, oidcIssuers } from "../../config/oidc-issuers.ts";
import { rowsOf, sectionOf, testedBlock } from "./pages.ts";

describe("docs/security.md", () => {
  const blocks: Readonly<Record<string, string>> = {
    corp: testedBlock("security", "Start with an issuer", "yaml"),
    cognito: testedBlock("security", "Amazon Cognito", "yaml"),
    entra: testedBlock("security", "Microsoft Entra ID", "yaml"),
    keycloak: testedBlock("security", "Keycloak", "yaml"),
    auth0: testedBlock("security", "Auth0", "yaml"),
    github: testedBlock("security", "GitHub Actions", "yaml"),
    cluster: testedBlock("security", "Kubernetes", "yaml"),
    eks: testedBlock("security", "Amazon EKS", "yaml"),
    aws: testedBlock("security", "AWS web identity tokens", "yaml"),
  };
  const read = (block: string): ConfiguredIssuer[] => oidcIssuers().parse(JSON.stringify(parse(block)));

  for (const [alias, block] of Object.entries(blocks)) {
    it(`has lines for ${alias} that the service takes`, () => {
      const [issuer, ...others] = read(block);
      expect([issuer?.alias, others]).to.deep.equal([alias, []]);
    });
  }

  it("has issuers that can stand in one list", () => {
    expect(read(Object.values(blocks).join("")).length).to.equal(Object.keys(blocks).length);
  });

  it("lists the fields that there are", () => {
    const fields = rowsOf(sectionOf("security", "Issuers")).map(([field = ""]) => field.replaceAll("`", ""));
    const { error } = oidcIssuers().safeParse('[{"alias":"a","issuer":"https://a","audiences":["a"],"x":1}]');
    const there = /the fields are (.*)$/.exec(error?.issues[0]?.message ?? "")?.[1]?.split(", ") ?? [];
    expect(fields.filter((field) => field !== "field")).to.have.members(there);
  });
});
