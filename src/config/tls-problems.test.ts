import { expect } from "chai";
import { findTlsProblems, isLoopbackHost } from "./tls-problems.ts";

const TLS = { SLUICE_TLS_CERT: "cert.pem", SLUICE_TLS_KEY: "key.pem" };

describe("findTlsProblems", () => {
  for (const listen of ["0.0.0.0:8080", "[::]:8080", "10.0.0.7:80", "files.local:80", "[2001:db8::1]:80"]) {
    it(`refuses to listen at ${listen} without TLS, and names both ways out`, () => {
      const problems = findTlsProblems({ SLUICE_LISTEN: listen });
      expect(problems).to.have.lengthOf(1);
      expect(problems[0])
        .to.contain(`SLUICE_LISTEN is ${listen}`)
        .and.to.contain("SLUICE_TLS_CERT")
        .and.to.contain("SLUICE_PLAINTEXT=behind-proxy");
      expect(findTlsProblems({ SLUICE_LISTEN: listen, SLUICE_PLAINTEXT: "behind-proxy" })).to.deep.equal([]);
      expect(findTlsProblems({ SLUICE_LISTEN: listen, ...TLS })).to.deep.equal([]);
    });
  }

  for (const listen of ["127.0.0.1:8080", "127.9.9.9:0", "localhost:80", "[::1]:80"]) {
    it(`lets a port at ${listen} have none`, () => {
      expect(findTlsProblems({ SLUICE_LISTEN: listen })).to.deep.equal([]);
    });
  }

  it("takes no name for this machine that only begins like one", () => {
    const others = ["127.0.0.1.example.com", "localhost.example.com", "::11", "1127.0.0.1"];
    expect(others.filter(isLoopbackHost)).to.deep.equal([]);
  });

  it("refuses halves, and settings that contradict each other", () => {
    expect(findTlsProblems({ SLUICE_TLS_CERT: "cert.pem" })[0]).to.contain("must be set together");
    expect(findTlsProblems({ SLUICE_TLS_CLIENT_CA: "ca.pem" })[0]).to.contain("set SLUICE_TLS_CERT as well");
    expect(findTlsProblems({ ...TLS, SLUICE_PLAINTEXT: "behind-proxy" })[0]).to.contain("unset one of them");
  });
});
