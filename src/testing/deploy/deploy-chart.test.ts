import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { parse } from "yaml";
import { renderBucketStack, SITE } from "./bucket-stack.ts";
import { STACK_VALUES } from "./chart-values.ts";
import { CHART } from "./helm.ts";
import { renderStack } from "./render-stack.ts";

const BASE = new URL("../../../deploy/ecs/base.yaml", import.meta.url);
const TIMEOUT_MS = 60_000;
/** The programs that the script runs, as far as it asks them anything: they answer from files, and keep what they are given. */
const PROGRAMS = {
  aws: `
    case "$1 $2" in
      "cloudformation describe-stacks") key=\${6#*OutputKey==\\'}; cat "$FOLDER/$4.\${key%%\\'*}" 2>/dev/null || echo None ;;
      "secretsmanager get-secret-value") cat "$FOLDER/$4" ;;
    esac`,
  kubectl: `
    case "$1 $2" in
      "create secret") echo "$4 $7 $(cat)" ;;
      "apply --server-side") cat >>"$FOLDER/applied" ;;
    esac`,
  helm: `cat >"$FOLDER/values"; echo "$@" >"$FOLDER/helm-arguments"`,
};

describe("deploy/helm/deploy.sh", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-deploy-"));
    for (const [name, lines] of Object.entries(PROGRAMS)) {
      await writeFile(join(folder, name), `#!/bin/bash\n${lines}\n`, { mode: 0o755 });
    }
    const { outputs } = renderBucketStack();
    for (const [name, value] of Object.entries(outputs)) await writeFile(join(folder, `files.${name}`), value);
    for (const [name, value] of Object.entries(await renderBase())) {
      await writeFile(join(folder, `sluice-base.${name}`), value);
    }
    await writeFile(join(folder, "owner-secret"), '{"username":"sluice","password":"pass word"}\n');
    await writeFile(join(folder, "TokenKeys"), '["keys of tokens"]\n');
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const deploy = () =>
    promisify(execFile)(join(CHART, "deploy.sh"), ["files", "mine.yaml"], {
      env: { PATH: `${folder}:${process.env.PATH}`, FOLDER: folder },
      timeout: TIMEOUT_MS,
    });
  const readKept = (name: string) => readFile(join(folder, name), "utf8");

  it("gives the chart what the stacks know, beneath the values of the file", async () => {
    await deploy();
    expect(parse(await readKept("values"))).to.deep.equal(STACK_VALUES);
    expect(await readKept("helm-arguments"))
      .to.include("upgrade --install sluice")
      .and.include("--values - --values mine.yaml");
  });

  it("keeps the owner's password and the keys of tokens in Secrets that the chart reads", async () => {
    await deploy();
    expect((await readKept("applied")).split("\n").filter((line) => line !== "")).to.deep.equal([
      "sluice-database-owner --from-file=password=/dev/stdin pass word",
      'sluice-token-keys --from-file=keys=/dev/stdin ["keys of tokens"]',
    ]);
  });

  it("changes nothing where a stack has not what the chart needs, and says what", async () => {
    await rm(join(folder, "files.ReadRoleArn"));
    const refusal = await deploy().catch((error: { stderr: string }) => error);
    expect(refusal.stderr).to.equal("the stack files has no output ReadRoleArn\n");
    expect(await readKept("applied").catch(() => "")).to.equal("");
  });
});

/** The outputs of the stack of the database. */
async function renderBase(): Promise<Readonly<Record<string, string>>> {
  const parameters = {
    Image: "sluice:0.1.0",
    BucketRegion: SITE.region,
    WriteRoleArn: `arn:aws:iam::${SITE.account}:role/my-files-write`,
    Vpc: "vpc-0",
    PrivateSubnets: "subnet-0,subnet-1",
    ClientGroup: "sg-0",
  };
  const attributes = {
    "Database.Endpoint.Address": `sluice.abc123.${SITE.region}.rds.amazonaws.com`,
    "Database.Endpoint.Port": "5432",
    "Database.MasterUserSecret.SecretArn": "owner-secret",
  };
  const stack = { ...SITE, stackName: "sluice-base", parameters, attributes };
  return renderStack(await readFile(BASE, "utf8"), stack).outputs;
}
