import { expect } from "chai";
import { ENVIRONMENT } from "./config-environment.ts";
import { findUnknownVariables } from "./config-names.ts";

describe("findUnknownVariables", () => {
  it("names what nothing reads, with the nearest name that something does", () => {
    expect(
      findUnknownVariables({ SLUICE_CORS_ORIGIN: "secret", SLUICE_S3_BUKET: "b", SLUICE_X: "", PATH: "/bin" }),
    ).to.deep.equal([
      "SLUICE_CORS_ORIGIN is no variable of Sluice and changes nothing; did you mean SLUICE_CORS_ORIGINS?",
      "SLUICE_S3_BUKET is no variable of Sluice and changes nothing; did you mean SLUICE_S3_BUCKET?",
      "SLUICE_X is no variable of Sluice and changes nothing; docs/configuration.md lists those that are",
    ]);
    const [port] = findUnknownVariables({ SLUICE_PORT: "8080" });
    expect(port).to.match(/^SLUICE_PORT is no variable/);
  });

  it("says nothing of what the service and its client read, and of what belongs to others", () => {
    const known = Object.fromEntries(Object.keys(ENVIRONMENT).map((name) => [name, "1"]));
    expect(
      findUnknownVariables({ ...known, SLUICE_URL: "", SLUICE_TOKEN: "", sluice_x: "1", SLUICED: "1" }),
    ).to.deep.equal([]);
  });

  it("says nothing of what Kubernetes sets beside a Service of this name", () => {
    const ofKubernetes = {
      SLUICE_SERVICE_HOST: "10.0.0.1",
      SLUICE_SERVICE_PORT: "8080",
      SLUICE_SERVICE_PORT_GRPC: "8080",
      SLUICE_PORT: "tcp://10.0.0.1:8080",
      SLUICE_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      SLUICE_PORT_8080_TCP_PROTO: "tcp",
      SLUICE_PORT_8080_TCP_ADDR: "10.0.0.1",
      SLUICE_INTERNAL_SERVICE_HOST: "10.0.0.2",
    };
    expect(findUnknownVariables(ofKubernetes)).to.deep.equal([]);
  });
});
