import { expect } from "chai";
import { SERVICES } from "../../aws/services/services.ts";
import { OPTION_CHOICES } from "./option-settings.ts";

describe("OPTION_CHOICES", () => {
  it("sets every option of every service", () => {
    const said = SERVICES.map(({ name }) => [name, [...new Set(OPTION_CHOICES[name]?.flatMap(Object.keys))].sort()]);
    expect(said).to.deep.equal(SERVICES.map(({ name, options }) => [name, Object.keys(options.shape).sort()]));
  });
});
