import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { createSluiceClient } from "../../client/client.ts";
import { tokenKeys } from "../../config/token-keys.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { programOf, useExamplePages } from "../rigs/service/example-pages.ts";
import { findProgram } from "../rigs/tools/find-program.ts";
import { seededBytes } from "../rigs/uploads/upload-rig.ts";
import { testedBlock } from "./pages.ts";

describe("the examples of the pages", () => {
  const pages = useExamplePages();
  const { start, run, runShell } = pages;

  it("let sluice upload, list, download, delete and restore", async () => {
    const stdout = await runShell(testedBlock("README", "Quick start", "sh"));
    expect(stdout).to.contain("uploaded docs/README.md").and.to.contain("restored docs/README.md");
    expect(stdout).to.contain("uploaded lists/src.txt");
  });

  it("let curl write, read, change, delete and restore a file over REST", async function () {
    if ((await findProgram("curl")) === undefined) this.skip();
    const stdout = await runShell(testedBlock("rest", "A first tour", "sh"));
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
    const stdout = await runShell(testedBlock("seeing-your-changes", "Seeing your own changes", "sh"));
    const lists = stdout.trim().split("\n");
    const paths = lists.map((line) => JSON.parse(line).files.map((file: { path: string }) => file.path));
    expect(paths).to.deep.equal([["seen/LICENSE"], []]);
  });

  it("let curl list and follow events", async function () {
    if ((await findProgram("curl")) === undefined) this.skip();
    const stdout = await runShell(testedBlock("events", "Server-Sent Events", "sh"));
    expect(stdout).to.match(
      /^id: [0-9a-f-]{36}\.\d+\nevent: sluice\.file\.committed\.v1\ndata: \{"id":.*"subject":"events\/LICENSE"/m,
    );
  });

  it("let a program follow events over its kills: none is lost, and the one that it is at may come again", async () => {
    const code = testedBlock("events", "A consumer in TypeScript", "ts");
    const args = [
      "--input-type=module-typescript",
      "--eval",
      code,
      "--",
      "follow.ts",
      join(pages.directory, "cursor.txt"),
    ];
    const client = createSluiceClient({ url: pages.stack.url, token: pages.stack.token });
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
    const made = await runShell(making, { PORT });
    const [, secret = ""] = /^WEBHOOK_SECRET=(whsec_\S+)$/m.exec(made) ?? [];
    const receiver = testedBlock("events", "A webhook receiver in TypeScript", "ts");
    const args = ["--input-type=module-typescript", "--eval", receiver];
    const child = start(process.execPath, args, { PORT, WEBHOOK_SECRET: secret });
    const closed = once(child, "close");
    const client = createSluiceClient({ url: pages.stack.url, token: pages.stack.token });
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

  it("make keys that the service takes", async function () {
    if ((await findProgram("openssl")) === undefined) this.skip();
    const block = testedBlock("security", "A page that uploads", "sh keys");
    const keys = await runShell(`${block}printf %s "$SLUICE_TOKEN_KEYS"`);
    expect(
      tokenKeys()
        .parse(keys)
        .map(({ length }) => length),
    ).to.deep.equal([32]);
  });

  it("let a page upload by an upload token", async () => {
    const html = testedBlock("security", "A page that uploads", "html");
    const page = join(pages.directory, "page.html");
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
    const client = createSluiceClient({ url: pages.stack.url, token: pages.stack.token });
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
      file = join(pages.directory, "upload.bin");
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
        const client = createSluiceClient({ url: pages.stack.url, token: pages.stack.token });
        const found = await client.getFile(path).finally(() => client.close());
        expect([found.sizeBytes, found.crc32]).to.deep.equal([BigInt(bytes.length), crc32(bytes)]);
      });
    }
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
