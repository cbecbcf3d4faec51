import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { createSluiceClient } from "../client/client.ts";
import { PLAIN_ENVIRONMENT } from "../testing/rigs/service/plain-environment.ts";
import { findFreePorts, useStackPrograms } from "../testing/rigs/service/stack-program.ts";
import { startStack } from "./stack.ts";
import { createStackSecrets, loadStackSecrets } from "./stack-secrets.ts";

describe("the embedded stack", () => {
  const stack = useStackPrograms();
  const { program } = stack;

  describe("npm run demo", () => {
    it("uploads, lists, downloads and compares, and leaves nothing behind", async () => {
      const demo = program("demo.ts", ["--size", "16MiB"]);
      const [code] = await demo.ended;
      expect(code, demo.lines.join("\n")).to.equal(0);
      const text = demo.lines.join("\n");
      for (const said of [
        "received 16 MiB, durable 16 MiB of 16 MiB",
        "demo/generated.bin",
        "presigned URL",
        "SHA-256 equal",
      ]) {
        expect(text).to.contain(said);
      }
      expect(await readdir(stack.directory)).to.deep.equal([]);
    });

    it("says what is no size, and what does not fit", async () => {
      const nonsense = program("demo.ts", ["--size", "much"]);
      expect((await nonsense.ended)[0]).to.equal(2);
      expect(nonsense.lines[0]).to.contain('"much" is no size');
      const huge = program("demo.ts", ["--size", "999999GiB"]);
      expect((await huge.ended)[0]).to.equal(1);
      expect(huge.lines.join()).to.contain("free; the demo needs");
      expect(await readdir(stack.directory)).to.deep.equal([]);
    });
  });

  describe("npm start", () => {
    it("keeps what was uploaded, and its token, from one start to the next", async () => {
      const port = await findFreePorts();
      for (const round of [1, 2]) {
        const start = program("start.ts", ["--port", String(port)]);
        await start.said(/Ctrl-C stops it/);
        const { token } = await loadStackSecrets(join(stack.directory, ".sluice"));
        expect(start.lines.join("\n")).to.contain(`export SLUICE_URL=http://127.0.0.1:${port} SLUICE_TOKEN=${token}`);
        const client = createSluiceClient({ url: `http://127.0.0.1:${port}`, token });
        if (round === 1) await client.upload(Buffer.from("kept"), "a/b");
        expect(Number((await client.getFile("a/b")).sizeBytes)).to.equal(4);
        client.close();
        start.child.kill(round === 1 ? "SIGTERM" : "SIGINT");
        expect((await start.ended)[0], start.lines.join("\n")).to.equal(0);
      }
    });

    it("says that a port is in use, or none", async () => {
      const port = await findFreePorts();
      const holder = createServer().listen(port + 1, "127.0.0.1");
      await once(holder, "listening");
      const start = program("start.ts", ["--port", String(port)]);
      expect((await start.ended)[0]).to.equal(1);
      expect(start.lines[0])
        .to.contain(`port ${port + 1} is in use`)
        .and.to.contain(`--port ${port + 1000}`);
      holder.close();
      expect((await program("start.ts", ["--port", "99999"]).ended)[0]).to.equal(2);
    });

    it("shows its help and the demo's, and refuses what is no option of them", async () => {
      for (const [name, option] of [
        ["start.ts", "--port <port>"],
        ["demo.ts", "--size <size>"],
      ] as const) {
        const help = program(name, ["--help"]);
        expect((await help.ended)[0]).to.equal(0);
        expect(help.lines.join("\n")).to.contain("Usage: npm").and.to.contain(option);
        const wrong = program(name, ["--nonsense"]);
        expect((await wrong.ended)[0]).to.equal(2);
        expect(wrong.lines).to.have.length(1);
        expect(wrong.lines[0]).to.contain("Unknown option");
      }
    });

    it("shows its secrets in no command line, which everybody on the machine can read", async function () {
      if (process.platform !== "linux") {
        console.log("skipped: command lines are looked for in /proc, which only Linux has");
        return this.skip();
      }
      const port = await findFreePorts();
      const start = program("start.ts", ["--port", String(port)]);
      await start.said(/Ctrl-C stops it/);
      const secrets = Object.values(await loadStackSecrets(join(stack.directory, ".sluice")));
      const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      const commands = await Promise.all(
        names.map((name) => readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")),
      );
      expect(commands.filter((command) => command.includes("s3-server/main.ts"))).to.have.lengthOf.at.least(1);
      expect(commands.filter((command) => secrets.some((secret) => command.includes(secret)))).to.deep.equal([]);
      start.child.kill("SIGTERM");
      expect((await start.ended)[0]).to.equal(0);
    });

    it("refuses secrets that it cannot read", async () => {
      await mkdir(join(stack.directory, ".sluice"));
      await writeFile(join(stack.directory, ".sluice", "secrets.json"), "{}");
      const start = program("start.ts", ["--port", String(await findFreePorts())]);
      expect((await start.ended)[0]).to.equal(1);
      expect(start.lines.join("\n")).to.contain("holds no secrets of a stack");
    });
  });

  describe("startStack", () => {
    it("ends everything when the service does not start, and says why", async () => {
      const settings = { SLUICE_AUTH: "nothing" };
      const starting = startStack({
        directory: stack.directory,
        ...createStackSecrets(),
        durable: false,
        environment: PLAIN_ENVIRONMENT,
        settings,
      });
      const error = await starting.then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).to.contain("the service ended with exit code 1").and.to.contain("SLUICE_AUTH");
    });
  });
});
