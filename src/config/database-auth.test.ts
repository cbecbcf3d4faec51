import { expect } from "chai";
import { findDatabaseAuthProblems, toIamRegion } from "./database-auth.ts";

const RDS = "postgres://sluice@orders.abc123.eu-central-1.rds.amazonaws.com:5432/sluice";
const IAM = { SLUICE_DATABASE_AUTH: "rds-iam" as const };

describe("toIamRegion", () => {
  it("is none where the URL has the password", () => {
    expect(toIamRegion(RDS, { SLUICE_DATABASE_AUTH: "password", AWS_REGION: "eu-west-1" })).to.equal(undefined);
  });

  it("stands in the names of instances, clusters and proxies, in every partition", () => {
    for (const [host, region] of [
      ["orders.abc123.eu-central-1.rds.amazonaws.com", "eu-central-1"],
      ["orders.cluster-ro-abc123.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"],
      ["orders.proxy-abc123.ap-southeast-2.rds.amazonaws.com", "ap-southeast-2"],
      ["orders.abc123.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"],
    ]) {
      expect(toIamRegion(`postgres://sluice@${host}/sluice`, { ...IAM, AWS_REGION: "sa-east-1" }), host).to.equal(
        region,
      );
    }
  });

  it("is that of AWS_REGION for another name", () => {
    expect(toIamRegion("postgres://sluice@db.example.com/sluice", { ...IAM, AWS_REGION: "eu-west-1" })).to.equal(
      "eu-west-1",
    );
  });
});

describe("findDatabaseAuthProblems", () => {
  const problemsOf = (url: string, rest: object = {}) =>
    findDatabaseAuthProblems({ ...IAM, SLUICE_DATABASE_URL: url, ...rest });

  it("finds none in the name of an instance, by default", () => {
    expect(problemsOf(RDS)).to.deep.equal([]);
    expect(findDatabaseAuthProblems({ SLUICE_DATABASE_URL: "postgres://a:b@127.0.0.1/c" })).to.deep.equal([]);
  });

  it("says what is wrong, each by a sentence with the way out", () => {
    expect(problemsOf("postgres://orders.abc123.eu-central-1.rds.amazonaws.com/sluice")).to.deep.equal([
      "SLUICE_DATABASE_URL names no user; write postgres://user@host:port/database",
    ]);
    expect(problemsOf(RDS.replace("sluice@", "sluice:secret@"))).to.deep.equal([
      "SLUICE_DATABASE_URL has a password, which SLUICE_DATABASE_AUTH=rds-iam replaces; remove it",
    ]);
    expect(problemsOf(`${RDS}?sslmode=disable`)).to.deep.equal([
      "SLUICE_DATABASE_URL has no TLS, without which SLUICE_DATABASE_AUTH=rds-iam would show its tokens; write sslmode=verify-full",
    ]);
    expect(problemsOf("postgres://sluice@db.example.com/sluice")).to.deep.equal([
      "SLUICE_DATABASE_URL is no host of RDS, whose name holds its region; write the name that RDS shows, or set AWS_REGION",
    ]);
  });

  it("looks at the replica too", () => {
    expect(problemsOf(RDS, { SLUICE_DATABASE_READ_URL: "postgres://a:b@replica.example.com/c" })).to.deep.equal([
      "SLUICE_DATABASE_READ_URL has a password, which SLUICE_DATABASE_AUTH=rds-iam replaces; remove it",
      "SLUICE_DATABASE_READ_URL is no host of RDS, whose name holds its region; write the name that RDS shows, or set AWS_REGION",
    ]);
  });
});
