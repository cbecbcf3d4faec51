import { expect } from "chai";
import { withServices } from "../../testing/aws/golden-settings.ts";
import { FakeLiveAws } from "../../testing/aws/live/fake-live-aws.ts";
import { toLiveSite } from "../../testing/aws/live/live-site.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { verifyConfiguration } from "../live/verify-configuration.ts";
import { createExplanation } from "../print/explanation.ts";
import { printConfiguration } from "../print/print-configuration.ts";
import { SERVICES } from "../services/services.ts";
import { toEnvironment } from "./environment.ts";
import { MINIMAL_DIFFERENCE } from "./minimal.ts";
import { parseSettings } from "./parse-settings.ts";

/** What a minimal file for one function may take, in bytes. */
const LAMBDA_BYTES_MAX = 6000;

function generate(services: readonly string[]): Configuration {
  return generateConfiguration(parseSettings(withServices(services, { minimal: true })));
}

describe("a minimal file", () => {
  for (const format of ["cloudformation", "terraform-json"] as const) {
    it(`takes less than ${LAMBDA_BYTES_MAX} bytes for Lambda as ${format}, and says once what it leaves out`, () => {
      const text = printConfiguration(generate(["lambda"]), format);
      expect(Buffer.byteLength(text)).to.be.below(LAMBDA_BYTES_MAX);
      const words = text.replaceAll(/\n# /g, " ");
      expect(words.split(MINIMAL_DIFFERENCE)).to.have.length(2);
      expect(text.match(/https:\/\/docs\.aws/g)).to.equal(null);
    });
  }

  for (const { name } of SERVICES) {
    it(`of ${name} refers to nothing that it leaves out, or is refused`, () => {
      let configuration: Configuration;
      try {
        configuration = generate([name]);
      } catch (error) {
        expect((error as Error).message).to.match(/which a minimal file leaves out; leave out minimal, or switch/);
        return;
      }
      const text = printConfiguration(configuration, "cloudformation");
      expect(text).to.not.match(/my-files-(logs|anchors|write|read|verify)|Log[B]ucket/);
    });
  }

  it("is explained with its difference, without roles and buckets that are not there", () => {
    const { notes, logBucket, access } = createExplanation(generate(["lambda"]));
    expect(notes).to.include(MINIMAL_DIFFERENCE);
    expect(notes.join("\n")).to.not.match(/my-files-(write|logs)/);
    expect(logBucket).to.equal(undefined);
    expect(new Set(access.map(({ via }) => via))).to.deep.equal(new Set(["LambdaRole"]));
  });

  it("gives the service no role that is not there", () => {
    expect(toEnvironment(generate([]))).to.not.have.property("SLUICE_S3_READ_ROLE_ARN");
  });

  it("is verified as it is, and no further", async () => {
    const configuration = generate(["lambda"]);
    const { signal } = new AbortController();
    const findings = await verifyConfiguration(configuration, new FakeLiveAws(toLiveSite(configuration)), { signal });
    expect(findings.filter(({ status }) => status !== "ok")).to.deep.equal([]);
    expect(new Set(findings.map(({ resource }) => resource))).to.deep.equal(
      new Set(["bucket my-files", "role my-files-lambda"]),
    );
  });
});
