import { expect } from "chai";
import { ENVIRONMENT } from "../config/config-environment.ts";
import { toHandedOn } from "./handed-on.ts";

describe("toHandedOn", () => {
  it("hands on every setting of the service, with no other name and nothing of a caller's", () => {
    const settings = { SLUICE_CORS_ORIGINS: "http://localhost:5173", SLUICE_PART_SIZE: "misspelt" };
    const environment = { ...settings, PATH: "/bin", AWS_REGION: "x", SLUICE_URL: "http://x", SLUICE_TOKEN: "token" };
    expect(toHandedOn(environment)).to.deep.equal(settings);
  });

  it("refuses each name that the stack decides, and says what decides it", () => {
    const decided = Object.keys(ENVIRONMENT).filter((name) => {
      try {
        toHandedOn({ [name]: "x" });
        return false;
      } catch (error) {
        expect((error as Error).message).to.match(
          new RegExp(`^${name} is set, which the stack decides; unset it: .+\n`),
        );
        return true;
      }
    });
    const own = ["SLUICE_LISTEN", "SLUICE_DATABASE_URL", "SLUICE_S3_BUCKET", "SLUICE_S3_REGION", "SLUICE_S3_ENDPOINT"];
    expect(decided).to.have.members([...own, "SLUICE_AUTH", "SLUICE_DEV_TOKEN"]);
    expect(() => toHandedOn({ SLUICE_AUTH: "dev", SLUICE_LISTEN: "x:1" })).to.throw(
      /SLUICE_AUTH[\s\S]*\nSLUICE_LISTEN/,
    );
  });
});
