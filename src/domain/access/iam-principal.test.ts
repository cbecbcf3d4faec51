import { expect } from "chai";
import { findIamAccount, findIamMemberProblem, parseIamIdentity } from "./iam-principal.ts";

describe("findIamAccount", () => {
  it("finds the account of roles and users, and none of callers of other kinds", () => {
    expect(findIamAccount("iam:arn:aws:sts::111122223333:assumed-role/uploader")).to.equal("111122223333");
    expect(findIamAccount("iam:arn:aws-cn:iam::111122223333:user/team/anna")).to.equal("111122223333");
    expect(findIamAccount("aws:arn:aws:iam::111122223333:role/uploader")).to.equal(undefined);
  });
});

describe("parseIamIdentity", () => {
  it("names an assumed role without its session, and keeps the session", () => {
    expect(parseIamIdentity("arn:aws:sts::111122223333:assumed-role/uploader/i-0abc")).to.deep.equal({
      principal: "iam:arn:aws:sts::111122223333:assumed-role/uploader",
      session: "i-0abc",
      account: "111122223333",
      partition: "aws",
    });
  });

  it("names a user with its path", () => {
    expect(parseIamIdentity("arn:aws-cn:iam::111122223333:user/team/b/anna")).to.deep.equal({
      principal: "iam:arn:aws-cn:iam::111122223333:user/team/b/anna",
      session: undefined,
      account: "111122223333",
      partition: "aws-cn",
    });
  });

  for (const arn of [
    "arn:aws:iam::111122223333:root",
    "arn:aws:sts::111122223333:federated-user/anna",
    "arn:aws:iam::111122223333:role/uploader",
    "arn:aws:sts::111122223333:assumed-role/uploader",
    "arn:aws:sts::111122223333:assumed-role/path/uploader/session",
    "arn:aws:sts::1111:assumed-role/uploader/session",
    "arn:aws:sts::111122223333:assumed-role/uploader/session\n",
    "arn:aws:iam::111122223333:user/te*m/anna",
    "arn:aws:iam::111122223333:user/",
    "x arn:aws:sts::111122223333:assumed-role/uploader/session",
    "",
  ]) {
    it(`knows no caller ${JSON.stringify(arn)}`, () => {
      expect(parseIamIdentity(arn)).to.equal(undefined);
    });
  }
});

describe("findIamMemberProblem", () => {
  const both = { mayEndInStar: true };
  for (const name of [
    "iam:arn:aws:sts::111122223333:assumed-role/uploader",
    "iam:arn:aws-us-gov:sts::111122223333:assumed-role/ci-*",
    "iam:arn:aws:sts::111122223333:assumed-role/*",
    "iam:arn:aws:iam::111122223333:user/team/anna",
    "iam:arn:aws:iam::111122223333:user/team/*",
  ]) {
    it(`takes ${name}`, () => {
      expect(findIamMemberProblem(name, both)).to.equal(undefined);
    });
  }

  for (const name of [
    "iam:*",
    "iam:uploader",
    "iam:arn:aws:iam::111122223333:role/app/uploader",
    "iam:arn:aws:sts::111122223333:assumed-role/app/uploader",
    "iam:arn:aws:sts::111122223333:assumed-role/",
    "iam:arn:aws:sts::111122223333:assumed-role/c*i",
    "iam:arn:aws:sts::111122223333:assumed-role/ci-**",
    "iam:arn:aws:sts::11112222*:assumed-role/ci",
    "iam:arn:aws:sts::*",
    "iam:arn:other:sts::111122223333:assumed-role/ci",
    "iam:arn:aws:iam::111122223333:user/team/",
    "iam:arn:aws:iam::111122223333:root",
  ]) {
    it(`refuses ${name}`, () => {
      expect(findIamMemberProblem(name, both)).to.contain("assumed-role/<role>");
    });
  }

  it("takes a star only where it may be", () => {
    const name = "iam:arn:aws:sts::111122223333:assumed-role/ci-*";
    expect(findIamMemberProblem(name, { mayEndInStar: false })).to.contain('"*" is not for this place');
  });
});
