import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect } from "chai";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { testedBlock } from "../../testing/structure/pages.ts";
import { runCli, type ServerCommands } from "../program.ts";

describe("sluice namespaces and sluice grants", () => {
  let service: RunningService;
  let directory: string;
  before(async () => {
    service = await startService();
    directory = await mkdtemp(join(tmpdir(), "sluice-grants-"));
  });
  after(async () => {
    await service?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function run(args: string[], stdin = "") {
    const [stdout, stderr] = [captureText(), captureText()];
    const terminal = {
      stdout,
      stderr,
      stdin: Readable.from([stdin]),
      env: { SLUICE_URL: service.url, SLUICE_TOKEN: SERVICE_TOKEN },
      signal: new AbortController().signal,
    };
    const code = await runCli(args, terminal, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  }
  /** What a command prints that succeeds. */
  async function printedBy(...args: string[]) {
    const { code, out, err } = await run(args);
    expect(code, err).to.equal(0);
    return out;
  }
  const jsonOf = async (...args: string[]) => JSON.parse(await printedBy(...args, "--json"));

  it("do what the page of access shows, with the file that it shows", async () => {
    const yaml = testedBlock("access", "Changing them", "yaml");
    for (const line of testedBlock("access", "Changing them", "text").trim().split("\n")) {
      const [command = "", file] = line.split(" > ");
      const args = command.split(" ").slice(1);
      const at = args.indexOf("grants.yaml");
      if (at >= 0) {
        const { etag } = await jsonOf("grants", "get", "legal");
        args[at] = join(directory, "grants.yaml");
        await writeFile(args[at], yaml.replace('"7"', JSON.stringify(etag)));
      }
      const out = await printedBy(...args);
      if (file !== undefined) await writeFile(join(directory, file), out);
    }
    const { grants } = await jsonOf("grants", "get", "legal");
    expect(grants).to.deep.equal([
      { group: "entra:finance", roles: ["reader", "writer"], prefixes: ["invoices/"] },
      { principal: "github:repo:acme/tools", roles: ["admin"] },
    ]);
    expect(await jsonOf("namespaces", "get", "legal")).to.include({ bucket: "my-legal-files", keyPrefix: "legal/" });
  });

  it("are shown by sluice audit, the newest first, as lines and as JSON", async () => {
    await printedBy("namespaces", "create", "audited", "--bucket", "my-audited-files", "--region", "eu-central-1");
    await printedBy("grants", "add", "audited", "corp:anna", "reader");
    // Whoever lists is listed as well.
    const changes = 'action = "SetGrants" OR action = "CreateNamespace"';
    const listBy = (filter: string, ...args: string[]) =>
      printedBy("audit", "ls", "--namespace", "audited", "--filter", filter, ...args);
    const list = (...args: string[]) => listBy(changes, ...args);
    await until("both have their number", async () => (await list()).trim().split("\n").length === 2);
    const [granted = "", created = ""] = (await list()).trim().split("\n");
    expect(granted).to.match(/^\d+ {2}\S+ \S+ {2}SetGrants +done +dev:local$/);
    expect(created).to.contain("CreateNamespace");
    const [line = ""] = (await list("--json", "--limit", "1")).trim().split("\n");
    const grant = { member: { principal: "corp:anna" }, roles: ["reader"], prefixes: [] };
    expect(JSON.parse(line)).to.deep.include({ action: "SetGrants", actor: "dev:local", after: { grants: [grant] } });
    expect(await listBy('action = "DeleteNamespace"')).to.equal("");
  });

  it("set quotas, show what is used of them, and lift them, as the page of access shows", async () => {
    await printedBy("namespaces", "create", "quoted", "--bucket", "quoted-bucket", "--region", "eu-central-1");
    for (const line of testedBlock("access", "Quotas", "text").trim().split("\n")) {
      const out = await printedBy(...line.replaceAll("legal", "quoted").split(" ").slice(1));
      if (line.includes(" usage ")) expect(out).to.match(/^github:repo:acme\/tools: 0 B kept, 0 B since midnight$/m);
      if (line.includes("--quota-storage 1")) expect(out).to.match(/^storedBytesMax: 1000000000000$/m);
    }
    const quoted = await jsonOf("namespaces", "get", "quoted");
    expect(quoted).to.include({ principalBytesPerDayMax: 50_000_000_000, principalRequestsPerSecondMax: 50 });
    expect(quoted).not.to.have.property("storedBytesMax");
    const nothing = { storedBytes: 0, dayBytes: 0 };
    const usage = await jsonOf("namespaces", "usage", "quoted", "--principal", "a:b");
    expect(usage).to.deep.include({ used: nothing, usedByPrincipal: nothing });
    expect((await run(["namespaces", "update", "quoted", "--quota-requests", "0", "--json"])).out).to.contain(
      "requests_per_second_max is 0; give 1 to 1000000",
    );
  });

  it("make, change, list and delete a namespace", async () => {
    const limits = ["--retention", "60d", "--retain", "1h", "--link-max", "90m", "--file-size-max", "1000"];
    const regions = ["--allow-region", "eu-west-1", "--allow-region", "eu-central-1"];
    const where = ["--bucket", "reports-bucket", "--region", "eu-central-1", "--key-prefix", "r/"];
    const made = await jsonOf("namespaces", "create", "reports", ...where, ...regions, ...limits);
    expect(made).to.deep.include({
      ...{ name: "reports", bucket: "reports-bucket", region: "eu-central-1", keyPrefix: "r/", fileSizeMaxBytes: 1000 },
      ...{ allowedRegions: ["eu-west-1", "eu-central-1"], retentionSeconds: 60 * 86_400, retainDefaultSeconds: 3600 },
      ...{ downloadUrlLifetimeMaxSeconds: 900, linkLifetimeMaxSeconds: 5400 },
    });
    const changed = await jsonOf("namespaces", "update", "reports", "--retention", "1d", "--etag", made.etag);
    expect(changed).to.deep.include({ retentionSeconds: 86_400, fileSizeMaxBytes: 1000 });
    expect(await printedBy("namespaces", "list")).to.match(/^default +eu-central-1 +bucket\/$/m);
    expect(await printedBy("namespaces", "list")).to.match(/^reports +eu-central-1 +reports-bucket\/r\/$/m);
    expect(await printedBy("namespaces", "usage", "reports")).to.match(/^0 files, 0 B$/m);
    const stale = await run(["namespaces", "delete", "reports", "--etag", made.etag, "--json"]);
    expect([stale.code, JSON.parse(stale.out).reason]).to.deep.equal([1, "ETAG_MISMATCH"]);
    expect(await printedBy("namespaces", "delete", "reports")).to.contain("deleted namespace reports");
    expect((await run(["namespaces", "get", "reports", "--json"])).out).to.contain("NAMESPACE_NOT_FOUND");
  });

  it("add a grant to those that are there, and remove those of a member", async () => {
    await printedBy(
      "grants",
      "add",
      "default",
      "entra:tax",
      "reader",
      "writer",
      "--group",
      "--prefix",
      "a/",
      "--prefix",
      "b/",
    );
    await printedBy("grants", "add", "default", "entra:tax", "admin");
    const added = await jsonOf("grants", "add", "default", "acme:bob", "auditor");
    expect(added.grants).to.deep.equal([
      { group: "entra:tax", roles: ["reader", "writer"], prefixes: ["a/", "b/"] },
      { principal: "entra:tax", roles: ["admin"] },
      { principal: "acme:bob", roles: ["auditor"] },
    ]);
    expect(await printedBy("grants", "remove", "default", "entra:tax", "--group")).to.contain("has 2 grants now");
    expect((await run(["grants", "remove", "default", "entra:tax", "--group"])).code).to.equal(2);
  });

  it("replace grants by what get printed, and refuse what was changed in between", async () => {
    const yaml = await printedBy("grants", "get", "default");
    const { code } = await run(["grants", "set", "default", "-"], yaml);
    expect(code).to.equal(0);
    const again = await run(["grants", "set", "default", "-"], yaml);
    expect(again.code).to.equal(1);
    expect(again.err).to.contain("was changed since it was read");
  });

  for (const [text, says] of [
    ["grants: [", "the file is no YAML"],
    ["- reader", "the file is no object"],
    ["etag: x", "no list of grants"],
    ["grants: []\nother: 1", "no field other"],
    ["grants: [{roles: [reader]}]", "grant 1 must name either a principal or a group"],
    ["grants: [{group: 'a:b', principal: 'a:b', roles: [reader]}]", "grant 1 must name either"],
    ["grants: [{group: 'a:b', roles: [owner]}]", 'no role "owner"'],
    ["grants: [{group: 'a:b', roles: reader}]", "roles of grant 1 are no list"],
    ["grants: [{group: 'a:b', roles: [reader], prefix: [a/]}]", "grant 1 has a field prefix"],
  ] as const) {
    it(`refuse the file ${JSON.stringify(text)} as bad usage`, async () => {
      const { code, err } = await run(["grants", "set", "default", "-"], text);
      expect(code).to.equal(2);
      expect(err).to.contain(says);
    });
  }

  it("refuse bad usage before they call", async () => {
    for (const args of [
      ["namespaces", "create", "x"],
      ["namespaces", "update", "default"],
      ["namespaces", "update", "default", "--retention", "long"],
      ["grants", "set", "default", join(directory, "none.yaml")],
      ["grants", "add", "default", "a:b", "owner"],
    ])
      expect((await run(args)).code, args.join(" ")).to.equal(2);
    expect(await readFile(join(directory, "grants.yaml"), "utf8")).to.contain("entra:finance");
  });
});
