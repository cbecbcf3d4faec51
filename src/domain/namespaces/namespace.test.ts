import { expect } from "chai";
import { sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { requireNamespace } from "./namespace.ts";

describe("requireNamespace", () => {
  const namespaces = sampleNamespaces();

  it("finds a namespace by its name", () => {
    expect(requireNamespace(namespaces, "default")).to.equal(namespaces.get("default"));
  });

  it("says what is missing when none is given", () => {
    const attempt = () => requireNamespace(namespaces, "");
    expect(attempt).to.throw('namespace is missing; name one, for instance "default"');
    expect(() => requireNamespace(new Map(), "")).to.throw("is missing");
  });

  it("does not know others", () => {
    try {
      requireNamespace(namespaces, "Default");
      expect.fail("found");
    } catch (error) {
      expect(error).to.include({ code: "not_found", reason: "NAMESPACE_NOT_FOUND", field: "namespace" });
    }
  });
});
