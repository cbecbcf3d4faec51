import { expect } from "chai";
import { z } from "zod";
import { SERVICES } from "../services/services.ts";
import { parseSettings } from "./parse-settings.ts";
import { listServiceOptions } from "./service-options.ts";

const PLACE = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };

describe("listServiceOptions", () => {
  it("says of each option of each service what it is, by a default and an example that are accepted", () => {
    for (const service of SERVICES) {
      const options = listServiceOptions(service);
      expect(options.map(({ name }) => name)).to.deep.equal(Object.keys(service.options.shape));
      for (const { name, type, standard, example, description } of options) {
        expect(description, `${service.name}.${name}`).to.match(/^[A-Z`].*[.}]$/);
        expect(type).to.not.equal("");
        for (const value of [example, standard ?? example]) {
          const parsed = service.options.shape[name] as z.ZodType;
          expect(parsed.safeParse(JSON.parse(value)).success, `${service.name}.${name}: ${value}`).to.equal(true);
        }
      }
      const all = Object.fromEntries(options.map(({ name, example }) => [name, JSON.parse(example)]));
      // A service that is left with nobody to use it is refused: what is on stays on.
      const said = { ...all, ...(service.name === "emr" && { ec2: true }) };
      // A key of replicas is for files that have a key as well.
      const encryption = service.name === "replication" ? "kms" : "sse-s3";
      const settings = { ...PLACE, encryption, services: { [service.name]: said } };
      expect(() => parseSettings(settings), service.name).to.not.throw();
    }
  });

  it("refuses an option that says nothing of itself, or has no example", () => {
    const of = (field: z.ZodType) => () =>
      listServiceOptions({ name: "new", options: z.strictObject({ it: field }) as z.ZodObject });
    expect(of(z.boolean().default(true))).to.throw("option it of new has no description");
    expect(of(z.string().optional().describe("Something."))).to.throw("option it of new has no example");
  });
});
