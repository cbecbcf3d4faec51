import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { createSluiceClient } from "../../client/client.ts";
import { tokenKeys } from "../../config/token-keys.ts";
import { type Stack, startStack } from "../../devstack/stack.ts";
import { createStackSecrets } from "../../devstack/stack-secrets.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { PLAIN_ENVIRONMENT } from "../rigs/service/plain-environment.ts";
import { findProgram } from "../rigs/tools/find-program.ts";
import { seededBytes } from "../rigs/uploads/upload-rig.ts";
import { testedBlock } from "./pages.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Where programs are looked for: first those that npm has brought. */
const PROGRAMS = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);

describe("the examples of the pages", function () {
  this.timeout(240_000);
  let directory: string;
  let stack: Stack;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-pages-"));
    const settings = { SLUICE_WORKERS: "1", SLUICE_LOG_LEVEL: "warn" };
    stack = await startStack({
      directory,
      ...createStackSecrets(),
      durable: false,
      settings,
      environment: PLAIN_ENVIRONMENT,
    });
  });
  after(async () => {
    await stack?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Starts a program as a user who has just cloned the repository, with the two variables exported. */
  function start(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): ChildProcessByStdio<null, Readable, Readable> {
    return spawn(program, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...PLAIN_ENVIRONMENT,
        PATH: PROGRAMS,
        XDG_STATE_HOME: join(directory, "state"),
        SLUICE_URL: stack.url,
        SLUICE_TOKEN: stack.token,
        ...environment,
      },
    });
  }

  /** Runs a program to its good end; resolves to what it printed. */
  async function run(...program: Parameters<typeof start>): Promise<string> {
    const child = start(...program);
    const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  /** Command line of a program that uploads. Evaluated and not run as a file, so that its imports are looked for from the top. */
  function programOf(code: string, file: string, path: string): Parameters<typeof start> {
    return [process.execPath, ["--input-type=module-typescript", "--eval", code, "--", "upload.ts", file, path]];
  }

  it("let sluice upload, list, download, delete and restore", async () => {
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("README", "Quick start", "sh")]);
    expect(stdout).to.contain("uploaded docs/README.md").and.to.contain("restored docs/README.md");
    expect(stdout).to.contain("uploaded lists/src.txt");
  });

  it("let curl write, read, change, delete and restore a file over REST", async function () {
    if ((await findProgram("curl")) === undefined) this.skip();
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("rest", "A first tour", "sh")]);
    // The range has no line break at its end: the answer after it begins in the middle of a line.
    const teams = [...stdout.matchAll(/\{"files?":.*$/gm)].flatMap(([line]) => {
      const { file, files } = JSON.parse(line);
      return (files ?? [file]).map((one: { labels: { team: string } }) => one.labels.team);
    });
    expect(teams).to.deep.equal(["docs", "docs", "docs", "web", "web", "web"]);
    expect(stdout).to.contain("# Sluice");
  });

  it("let curl see its own changes", async function () {
    if ((await findProgram("curl")) === undefined) this.skip();
    const stdout = await run("bash", [
      "-euo",
      "pipefail",
      "-c",
      testedBlock("seeing-your-changes", "Seeing your own changes", "sh"),
    ]);
    const lists = stdout.trim().split("\n");
    const paths = lists.map((line) => JSON.parse(line).files.map((file: { path: string }) => file.path));
    expect(paths).to.deep.equal([["seen/LICENSE"], []]);
  });

  it("let curl list and follow events", async function () {
    if ((await findProgram("curl")) === undefined) this.skip();
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("events", "Server-Sent Events", "sh")]);
    expect(stdout).to.match(
      /^id: [0-9a-f-]{36}\.\d+\nevent: sluice\.file\.committed\.v1\ndata: \{"id":.*"subject":"events\/LICENSE"/m,
    );
  });

  it("let a program follow events over its kills: none is lost, and the one that it is at may come again", async () => {
    const code = testedBlock("events", "A consumer in TypeScript", "ts");
    const args = ["--input-type=module-typescript", "--eval", code, "--", "follow.ts", join(directory, "cursor.txt")];
    const client = createSluiceClient({ url: stack.url, token: stack.token });
    const seen: string[] = [];
    for (const path of ["followed/1", "followed/2", "followed/3"]) {
      const child = start(process.execPath, args);
      const closed = once(child, "close");
      await client.upload(new Uint8Array([1]), path);
      for await (const line of createInterface({ input: child.stdout })) {
        seen.push(line);
        if (line.endsWith(` ${path}`)) child.kill("SIGTERM");
      }
      await closed;
    }
    client.close();
    expect([...new Set(seen.filter((line) => line.includes("followed/")))]).to.deep.equal(
      [1, 2, 3].map((nth) => `sluice.file.committed.v1 followed/${nth}`),
    );
  });

  it("let a webhook receive events, and verify who sent them", async () => {
    const PORT = String(await findFreePort());
    const making = testedBlock("events", "A webhook receiver in TypeScript", "sh");
    const made = await run("bash", ["-euo", "pipefail", "-c", making], { PORT });
    const [, secret = ""] = /^WEBHOOK_SECRET=(whsec_\S+)$/m.exec(made) ?? [];
    const receiver = testedBlock("events", "A webhook receiver in TypeScript", "ts");
    const args = ["--input-type=module-typescript", "--eval", receiver];
    const child = start(process.execPath, args, { PORT, WEBHOOK_SECRET: secret });
    const closed = once(child, "close");
    const client = createSluiceClient({ url: stack.url, token: stack.token });
    for (const path of ["told/1", "told/2"]) await client.upload(new Uint8Array([1]), path);
    const seen: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      if (seen.push(line) === 2) child.kill("SIGTERM");
    }
    await closed;
    for (const { subscriptionId } of await client.listSubscriptions()) await client.deleteSubscription(subscriptionId);
    client.close();
    expect(seen).to.deep.equal(["sluice.file.committed.v1 told/1", "sluice.file.committed.v1 told/2"]);
  });

  it("let sluice label, search, and list folders and generations", async () => {
    const stdout = await run("bash", [
      "-euo",
      "pipefail",
      "-c",
      testedBlock("finding-files", "Listing and searching", "sh"),
    ]);
    expect(stdout).to.contain("labels of guides/en/readme.md: reviewed=yes, team=docs");
    expect(stdout.match(/ 1 {2}guides\/en\/readme\.md\n/g), "found twice, and as a generation").to.have.length(3);
    expect(stdout).to.match(/^ {30,}guides\/en\/\n/m);
  });

  it("let sluice copy, move, restore, hold and purge", async () => {
    const stdout = await run("bash", ["-euo", "pipefail", "-c", testedBlock("life-of-a-file", "Generations", "sh")]);
    expect(stdout).to.contain("restored life/final.md, generation 3,");
    expect(stdout).to.contain("life/final.md, generation 3, is under a legal hold of the record alone\n");
    expect(stdout).to.contain("purged life/final.md, generation 3: its bytes are gone\n");
    expect(stdout).to.match(/ 3 {2}life\/final\.md {2}\(purged\)\n.* 2 {2}life\/final\.md {2}\(superseded\)\n$/);
  });

  it("let sluice check the configuration, migrate, and serve until SIGTERM", async () => {
    const block = testedBlock("README", "Running it", "sh");
    const environment = { ...stack.serviceEnvironment, SLUICE_LISTEN: "127.0.0.1:0", SLUICE_LOG_LEVEL: "info" };
    const child = start("bash", ["-euo", "pipefail", "-c", block], { ...environment, PATH: PROGRAMS });
    const [closed, stderr] = [once(child, "close"), text(child.stderr)];
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      // `instance` is "host/process id".
      if (line.includes('"msg":"listening"'))
        process.kill(Number(JSON.parse(line).instance.split("/").at(-1)), "SIGTERM");
    }
    const [code] = await closed;
    expect(code, [await stderr, ...lines].join("\n")).to.equal(0);
    expect(lines.join("\n"))
      .to.match(/^OK +configuration: complete and consistent$/m)
      .and.to.contain("the schema is up to date\n")
      .and.to.match(/"msg":"stopped"\}$/);
  });

  it("make keys that the service takes", async function () {
    if ((await findProgram("openssl")) === undefined) this.skip();
    const block = testedBlock("security", "A page that uploads", "sh keys");
    const keys = await run("bash", ["-euo", "pipefail", "-c", `${block}printf %s "$SLUICE_TOKEN_KEYS"`]);
    expect(
      tokenKeys()
        .parse(keys)
        .map(({ length }) => length),
    ).to.deep.equal([32]);
  });

  it("let a page upload by an upload token", async () => {
    const html = testedBlock("security", "A page that uploads", "html");
    const page = join(directory, "page.html");
    await writeFile(page, html);
    const site = testedBlock("security", "A page that uploads", "ts");
    const args = ["--input-type=module-typescript", "--eval", site, "--", "site.ts", page];
    const child = start(process.execPath, args, { PORT: "0" });
    const closed = once(child, "close");
    try {
      const lines = createInterface({ input: child.stdout });
      const [listening] = (await once(lines, "line")) as [string];
      const url = `http://127.0.0.1:${/port: (\d+)/.exec(listening)?.[1]}`;
      const served = await (await fetch(url)).text();
      expect(served).to.equal(html);
      const { input, output } = await openPage(served, url);
      for (const [name, says] of [
        ["a picture & more.png", "a picture & more.png has arrived, 5 bytes"],
        ["a picture & more.png", /^none was to be there/],
        ["../other.png", /PATH|path/],
      ] as const) {
        input.files = [new File(["bytes"], name, { type: "image/png" })];
        await input.onchange();
        if (typeof says === "string") expect(output.textContent).to.equal(says);
        else expect(output.textContent).to.match(says);
      }
    } finally {
      child.kill("SIGTERM");
      await closed;
    }
    const client = createSluiceClient({ url: stack.url, token: stack.token });
    const found: unknown[] = [];
    for await (const { path, contentType, sizeBytes } of client.allFiles({ prefix: "inbox/" }))
      found.push([path.replace(/^inbox\/[^/]+\//, ""), contentType, sizeBytes]);
    client.close();
    expect(found).to.deep.equal([["a picture & more.png", "image/png", 5n]]);
  });

  describe("in code", () => {
    const bytes = seededBytes(20 * 2 ** 20 + 7);
    const resume = testedBlock("README", "An upload from code", "ts");
    const writePart = testedBlock("uploading", "WritePart: whole parts, in any order", "ts");
    const signParts = testedBlock("uploading", "SignParts: bytes straight to S3", "ts");
    let file: string;

    before(async () => {
      file = join(directory, "upload.bin");
      await writeFile(file, bytes);
    });

    for (const [name, code, says] of [
      ["the client", resume, /^sending: \d+ bytes are durable$/m],
      // Lanes that end together may all hear that the file is committed.
      [
        "lanes",
        testedBlock("uploading", "Lanes: one file over several connections", "ts"),
        /^(lane from \d+ is durable|generation.*)$/m,
      ],
      [
        "WriteUpload",
        testedBlock("uploading", "WriteUpload: one stream of any gRPC client", "js"),
        /^\d+ bytes are durable$/m,
      ],
      ["WritePart", writePart, /^generation/],
      ["SignParts", writePart.replace(/async function sendParts.*/s, () => signParts), /^generation/],
    ] as const) {
      it(`let ${name} upload`, async () => {
        const path = `examples/${name}.bin`;
        const stdout = await run(...programOf(code, file, path));
        expect(stdout).to.match(says);
        expect(stdout).to.contain(`generation 1, ${bytes.length} bytes`);
        const client = createSluiceClient({ url: stack.url, token: stack.token });
        const found = await client.getFile(path).finally(() => client.close());
        expect([found.sizeBytes, found.crc32]).to.deep.equal([BigInt(bytes.length), crc32(bytes)]);
      });
    }

    it("let the client send what is missing after a kill", async () => {
      const large = join(directory, "large.bin");
      await writeFile(large, bytes);
      await truncate(large, 200 * 2 ** 20);
      const program = programOf(resume, large, "examples/killed.bin");
      const child = start(...program);
      const exited = once(child, "exit");
      for await (const line of createInterface({ input: child.stdout })) {
        if (/^sending: [1-9]/.test(line)) child.kill("SIGKILL");
      }
      expect(await exited, "it was killed before its end").to.deep.equal([null, "SIGKILL"]);
      const stdout = await run(...program);
      expect(stdout, "what it says before it sends").to.match(/^verifying: [1-9]\d* bytes are durable$/m);
      expect(stdout).to.contain(`generation 1, ${200 * 2 ** 20} bytes`);
    });
  });
});

/** Runs the script of a page as a browser would, with the elements that it asks for; paths of its own site lead to `url`. */
async function openPage(html: string, url: string) {
  const input = { files: [] as File[], onchange: async () => {} };
  const output = { textContent: "" };
  const elements: Readonly<Record<string, object>> = { input, output };
  const page = {
    document: { querySelector: (name: string) => elements[name] },
    fetch: (target: string, init?: RequestInit) => fetch(new URL(target, url), init),
  };
  const script = /<script type="module">(.*)<\/script>/s.exec(html)?.[1] ?? "";
  const AsyncFunction = openPage.constructor as new (...parts: string[]) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction(...Object.keys(page), script)(...Object.values(page));
  return { input, output };
}
