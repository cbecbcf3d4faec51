import { expect } from "chai";
import { parseClientEnvironment } from "./client-environment.ts";

describe("parseClientEnvironment", () => {
  it("reads URL, token and the file of a token, empty ones as unset", () => {
    expect(parseClientEnvironment({ SLUICE_URL: "http://h", SLUICE_TOKEN: "" })).to.include({
      url: "http://h",
      token: undefined,
      tokenFile: undefined,
    });
    expect(parseClientEnvironment({ SLUICE_URL: "", SLUICE_TOKEN: " 't' ", SLUICE_TOKEN_FILE: "f" })).to.include({
      url: undefined,
      token: "t",
      tokenFile: "f",
    });
  });

  it("reads how callers of AWS sign, and takes the region from either name", () => {
    const set = { SLUICE_AUTH: "iam", SLUICE_IAM_SERVER_ID: "files", AWS_DEFAULT_REGION: "eu-west-1" };
    expect(parseClientEnvironment(set)).to.deep.include({
      auth: "iam",
      iam: { serverId: "files", region: "eu-west-1", endpoint: undefined },
    });
    expect(parseClientEnvironment({ ...set, AWS_REGION: "eu-central-1" }).iam).to.include({ region: "eu-central-1" });
  });
});
