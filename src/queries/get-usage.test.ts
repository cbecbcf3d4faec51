import { expect } from "chai";
import { NOTHING_USED } from "../testing/fakes/fake-namespace-repository.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import { getUsage } from "./get-usage.ts";

describe("getUsage", () => {
  const asked: unknown[] = [];
  const namespaces = {
    usage: async (name: string, options?: { principal?: string | undefined }) => {
      asked.push([name, options?.principal]);
      return NOTHING_USED;
    },
  };

  it("asks for a principal only when one is named", async () => {
    await getUsage(namespaces, { namespace: "a", principal: "" });
    await getUsage(namespaces, { namespace: "a", principal: "p".repeat(512) });
    expect(asked).to.deep.equal([
      ["a", undefined],
      ["a", "p".repeat(512)],
    ]);
  });

  it("refuses a name that no principal has", async () => {
    for (const principal of ["p".repeat(513), "a\u0000b"]) {
      const error = await catchError(() => getUsage(namespaces, { namespace: "a", principal }));
      expect(error).to.include({ reason: "ARGUMENT_INVALID", field: "principal" });
    }
  });
});
