import { X509Certificate } from "node:crypto";
import { expect } from "chai";
import { findDatabaseProblems, toDatabase } from "./database-tls.ts";

const AWAY = "postgres://u:p@db.example.com/d";
const HERE = "postgres://u:p@127.0.0.1:5432/d";
const CA = "PEM";

describe("toDatabase", () => {
  const isTls = (url: string, ca?: string) => toDatabase(url, ca).tls !== undefined;

  it("reaches other hosts by TLS, and this machine without, unless the URL says otherwise", () => {
    expect(isTls(AWAY)).to.equal(true);
    expect(isTls(`${AWAY}?sslmode=disable`)).to.equal(false);
    for (const url of [HERE, "postgres://u@localhost/d", "postgres://u@[::1]/d"])
      expect(isTls(url), url).to.equal(false);
    for (const mode of ["require", "verify-full"]) expect(isTls(`${HERE}?sslmode=${mode}`), mode).to.equal(true);
  });

  it("reaches every host by TLS once authorities are named, and no socket", () => {
    expect(toDatabase(HERE, CA).tls).to.deep.equal({ ca: CA });
    expect(isTls(`${HERE}?sslmode=disable`, CA)).to.equal(false);
    for (const url of ["postgres:///d?host=/run/postgresql", "postgres://%2Frun%2Fpostgresql/d"])
      expect(isTls(`${url}`, CA), url).to.equal(false);
  });

  it("knows the authorities of RDS, for its hosts alone, unless others are named", () => {
    const rds = "postgres://u:p@orders.abc123.eu-central-1.rds.amazonaws.com/d";
    const authorities = toDatabase(rds, undefined).tls?.ca ?? "";
    const pems = authorities.match(/-----BEGIN[\s\S]+?END CERTIFICATE-----/g) ?? [];
    const subjects = pems.map((pem) => new X509Certificate(pem).subject);
    expect(subjects.join(" "))
      .to.include("Amazon RDS eu-central-1 Root CA RSA2048 G1")
      .and.to.include("Amazon Root CA 1");
    expect(toDatabase(rds, CA).tls).to.deep.equal({ ca: CA });
    expect(toDatabase(AWAY, undefined).tls).to.deep.equal({ ca: undefined });
  });

  it("takes the mode out of the URL, and leaves the rest as it is", () => {
    expect(toDatabase(`${AWAY}?sslmode=verify-full&application_name=a`, undefined)).to.deep.equal({
      url: `${AWAY}?application_name=a`,
      tls: { ca: undefined },
    });
    expect(toDatabase(AWAY, CA).url).to.equal(AWAY);
  });
});

describe("findDatabaseProblems", () => {
  const problemsOf = (url: string, rest: Parameters<typeof findDatabaseProblems>[0] = {}) =>
    findDatabaseProblems({ SLUICE_DATABASE_URL: url, ...rest });

  it("takes the modes that are exact", () => {
    for (const mode of ["disable", "require", "verify-full"])
      expect(problemsOf(`${AWAY}?sslmode=${mode}`), mode).to.deep.equal([]);
  });

  for (const mode of ["allow", "prefer", "verify-ca", "no-verify", "constructor", ""]) {
    it(`refuses sslmode=${mode}, and says what is right`, () => {
      expect(problemsOf(`${AWAY}?sslmode=${mode}`)).to.deep.equal([
        `SLUICE_DATABASE_URL has sslmode=${mode}, which does not verify the server; write sslmode=verify-full, or sslmode=disable for no TLS`,
      ]);
    });
  }

  for (const parameter of ["ssl=true", "sslrootcert=/a", "sslcert=/a", "sslkey=/a", "uselibpqcompat=true"]) {
    it(`refuses ${parameter}, which the drivers understand differently`, () => {
      const [problem] = findDatabaseProblems({ SLUICE_DATABASE_READ_URL: `${AWAY}?${parameter}` });
      expect(problem).to.contain(`SLUICE_DATABASE_READ_URL has ${parameter.split("=")[0]};`);
    });
  }

  it("knows poolers by one parameter, and leads migrations past them", () => {
    expect(problemsOf(`${HERE}?pooler=transaction`, { SLUICE_DATABASE_DIRECT_URL: HERE })).to.deep.equal([]);
    expect(problemsOf(`${HERE}?pooler=session`)).to.deep.equal([
      "SLUICE_DATABASE_URL has pooler=session; write pooler=transaction, or nothing where a pooler keeps sessions",
    ]);
    expect(problemsOf(HERE, { SLUICE_DATABASE_DIRECT_URL: `${HERE}?pooler=transaction` })).to.deep.equal([
      "SLUICE_DATABASE_DIRECT_URL has pooler=transaction; name the database itself, which migrations need",
    ]);
  });

  it("refuses a second host, which one of the drivers would take", () => {
    expect(problemsOf(`${HERE}?host=db.example.com`)[0]).to.contain("names two hosts, 127.0.0.1 and");
  });

  it("refuses a way to another host without TLS in production", () => {
    const production = { NODE_ENV: "production" };
    expect(problemsOf(`${AWAY}?sslmode=disable`, production)[0]).to.contain("refused while NODE_ENV is");
    expect(problemsOf(`${HERE}?sslmode=disable`, production)).to.deep.equal([]);
    expect(problemsOf(AWAY, production)).to.deep.equal([]);
  });

  it("refuses authorities that no database would be judged by", () => {
    expect(problemsOf(`${AWAY}?sslmode=disable`, { SLUICE_DATABASE_CA: CA })[0]).to.contain(
      "SLUICE_DATABASE_CA is set",
    );
    const replica = { SLUICE_DATABASE_READ_URL: AWAY };
    expect(problemsOf(`${AWAY}?sslmode=disable`, { SLUICE_DATABASE_CA: CA, ...replica })).to.deep.equal([]);
  });
});
