import { PassThrough } from "node:stream";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { WatchReport } from "../../queries/upload-watches.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { sampleFile, sampleUpload } from "../../testing/samples/sample-records.ts";
import { runCli, type ServerCommands } from "../program.ts";

const { uploadId, namespace, path } = sampleUpload();
const UNTOUCHED = {} as ServerCommands;

function sampleReport(overrides: Partial<WatchReport> = {}): WatchReport {
  const sizes = { sizeBytes: 1000, receivedBytes: 700, durableBytes: 500, bytesPerSecond: undefined, etaMs: undefined };
  return { uploadId, namespace, path, state: "open", file: undefined, ...sizes, ...overrides };
}

describe("sluice watch", () => {
  let reports: (WatchReport | Error)[];
  let server: ApiServer;

  before(async () => {
    server = await openApiServer({
      uploads: {
        watchUpload: async function* () {
          for (let report = reports.shift(); report !== undefined; report = reports.shift()) {
            if (report instanceof Error) throw report;
            yield report;
          }
        },
      },
    });
  });
  after(() => server.close({ graceMs: 0 }));

  async function run(args: readonly string[], isTTY = false) {
    const stdout = Object.assign(captureText(), { isTTY });
    const stderr = Object.assign(captureText(), { isTTY, columns: 100 });
    const env = { SLUICE_URL: server.url, SLUICE_TOKEN: API_TOKEN };
    const { signal } = new AbortController();
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal };
    const code = await runCli(["watch", ...args], terminal, UNTOUCHED);
    return { code, out: stdout.text(), err: stderr.text() };
  }

  it("ends with 0 and the facts of the file once it is committed", async () => {
    reports = [
      sampleReport(),
      sampleReport({ state: "committed", durableBytes: 1024, file: sampleFile({ sizeBytes: 1024 }) }),
    ];
    const { code, out, err } = await run([uploadId]);
    expect(out).to.match(/^committed incoming\/video\.mp4: 1 KiB, generation 3, CRC32 [0-9a-f]{8}\n$/);
    expect({ code, err }).to.deep.equal({ code: 0, err: "" });
  });

  it("shows no checksum of bytes that are purged", async () => {
    const file = sampleFile({ sizeBytes: 1024, crc32: 0, purgeState: "purged" });
    reports = [sampleReport({ state: "committed", file })];
    expect((await run([uploadId])).out).to.equal(
      "committed incoming/video.mp4: 1 KiB, generation 3, its bytes are purged\n",
    );
    reports = [sampleReport({ state: "committed", file })];
    const [outcome] = (await run([uploadId, "--json"])).out.trim().split("\n").slice(-1);
    expect(JSON.parse(outcome ?? ""))
      .to.include({ type: "outcome", state: "committed" })
      .and.not.have.property("crc32");
  });

  for (const state of ["aborted", "expired"] as const) {
    it(`ends with 1 when the upload is ${state}`, async () => {
      reports = [sampleReport({ state, durableBytes: 0 })];
      const { code, out } = await run([uploadId]);
      expect({ code, out }).to.deep.equal({
        code: 1,
        out: `${state} incoming/video.mp4: there is no file of this upload\n`,
      });
    });
  }

  it("draws a bar on a terminal, with what it knows of the rate and each new state", async () => {
    reports = [
      sampleReport(),
      sampleReport({ state: "completing", receivedBytes: 1000, durableBytes: 1000 }),
      sampleReport({ state: "open", bytesPerSecond: 100, etaMs: 3000 }),
      sampleReport({ state: "aborted" }),
    ];
    const { err } = await run([uploadId], true);
    const drawn = err.split("\r").filter((line) => line.includes("received"));
    expect(drawn[0]).to.match(/^video\.mp4 █+▒+░+ +50 % {2}received 700 B, durable 500 B of 1000 B {2}measuring/);
    expect(drawn[1]).to.contain("100 %").and.to.contain("completing");
    expect(drawn[2]).to.contain("100 B/s  ETA 0:03");
    expect(drawn[3]).to.contain("aborted");
  });

  it("says why it has to try again", async () => {
    const away = new DomainError("unavailable", "it is away", { reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1 });
    reports = [away, sampleReport(), away, sampleReport({ state: "aborted" })];
    const drawn = (await run([uploadId], true)).err.split("\r").filter((line) => line.includes("trying again"));
    expect(drawn).to.have.length(2);
    expect(drawn[0]).to.contain(`${uploadId}  received 0 B  trying again: it is away`);
    expect(drawn[1]).to.contain("received 700 B").and.to.contain("trying again: it is away");
    reports = [sampleReport(), away, sampleReport({ state: "aborted" })];
    const events = (await run([uploadId, "--json"])).out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[1]).to.include({ type: "progress", receivedBytes: 700, failure: "it is away" });
  });

  it("prints JSON lines, the outcome last", async () => {
    reports = [sampleReport(), sampleReport({ state: "committed", file: sampleFile() })];
    const committed = (await run([uploadId, "--json"])).out.trim().split("\n");
    expect(JSON.parse(committed[0] ?? "")).to.deep.equal({
      type: "progress",
      path,
      state: "open",
      receivedBytes: 700,
      durableBytes: 500,
      committed: false,
      totalBytes: 1000,
    });
    const facts = { path, state: "committed", generation: 3, sizeBytes: 43, fileId: sampleFile().fileId };
    expect(JSON.parse(committed.at(-1) ?? "")).to.include({ type: "outcome", ...facts });
    reports = [sampleReport({ state: "expired" })];
    const expired = (await run([uploadId, "--json"])).out.trim().split("\n");
    expect(JSON.parse(expired.at(-1) ?? "")).to.deep.equal({ type: "outcome", path, state: "expired" });
  });

  it("needs the id of an upload", async () => {
    const { code, err } = await run([]);
    expect(code).to.equal(2);
    expect(err).to.contain("missing required argument 'upload-id'");
  });
});
