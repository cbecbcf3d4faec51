import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { findTool, TOOLS } from "../../testing/rigs/tools/find-tool.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { printTerraform } from "./print-terraform.ts";

describe("Terraform over printed configurations", () => {
  let terraform: string;
  let folder: string;

  before(async function () {
    const found = await findTool(TOOLS.terraform);
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    terraform = found.program;
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-terraform-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Reads the whole configuration and lists its providers. Unlike `validate`, it needs neither the providers nor a network. */
  async function readProviders(text: string): Promise<string> {
    await writeFile(join(folder, "main.tf.json"), text);
    const { stdout } = await promisify(execFile)(terraform, ["providers", "-no-color"], {
      cwd: folder,
      env: {
        ...process.env,
        CHECKPOINT_DISABLE: "1",
        TF_CLI_CONFIG_FILE: join(folder, "none.tfrc"),
        TF_DATA_DIR: folder,
      },
    });
    return stdout;
  }

  for (const [name, settings] of Object.entries(GOLDEN_SETTINGS)) {
    it(`takes the configuration "${name}", which needs two providers`, async () => {
      const stdout = await readProviders(printTerraform(generateConfiguration(parseSettings(settings))));
      expect(stdout.match(/hashicorp\/\w+\] >= [\d.]+/g)).to.have.members([
        "hashicorp/aws] >= 6.0.0",
        "hashicorp/awscc] >= 1.106.0",
      ]);
    });
  }

  it("refuses what is no configuration", async () => {
    const text = JSON.stringify({ resource: { awscc_s3_bucket: { a: { depends_on: ["no address!"] } } } });
    const failure = await readProviders(text).catch((error: Error & { stderr: string }) => error.stderr);
    expect(failure).to.contain("Invalid expression");
  });
});
