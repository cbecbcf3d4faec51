import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import { SluiceError } from "../sluice-error.ts";
import { type DownloadOptions, type DownloadProgress, download } from "./download.ts";

const retry = { delayBaseMs: 1, delayMaxMs: 2, triesMax: 4 };
const content = Buffer.alloc(3 * 2 ** 20 + 5, "0123456789");

const caught = (promise: Promise<unknown>): Promise<SluiceError> =>
  promise.then(
    () => Promise.reject(new Error("it resolved")),
    (error) => error,
  );

describe("download", () => {
  let storage: Server;
  let directory: string;
  let target: string;
  let ranges: (string | undefined)[];
  let answers: ((request: IncomingMessage, response: ServerResponse) => void)[];
  let file = create(FileSchema, { path: "a/b", fileId: "1", sizeBytes: BigInt(content.length), crc32: crc32(content) });
  let signed = 0;

  const sign = async () => {
    signed++;
    return { url: `http://127.0.0.1:${(storage.address() as AddressInfo).port}/key?signature=${signed}`, file };
  };
  const fetch = (options: DownloadOptions = {}) => download(sign, target, { retry, ...options });

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0) response.writeHead(206, { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` });
    response.end(content.subarray(from));
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-download-"));
    target = join(directory, "target.bin");
    ranges = [];
    answers = [];
    signed = 0;
    file = create(FileSchema, { path: "a/b", fileId: "1", sizeBytes: BigInt(content.length), crc32: crc32(content) });
    storage = createServer((request, response) => {
      ranges.push(request.headers.range);
      (answers.shift() ?? serve)(request, response);
    });
    await new Promise<void>((resolve) => storage.listen(0, "127.0.0.1", resolve));
  });

  afterEach(async () => {
    storage.closeAllConnections();
    await new Promise((resolve) => storage.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });

  it("writes the whole file under its name, and leaves no part file", async () => {
    const seen: number[] = [];
    await fetch({ onProgress: ({ receivedBytes }) => seen.push(receivedBytes) });
    expect((await readFile(target)).equals(content)).to.equal(true);
    expect(seen.at(-1)).to.equal(content.length);
    expect(await stat(`${target}.part`).catch(() => "none")).to.equal("none");
  });

  it("makes an empty file without asking storage", async () => {
    file = create(FileSchema, { path: "a/b", sizeBytes: 0n, crc32: 0 });
    await fetch();
    expect((await stat(target)).size).to.equal(0);
    expect(ranges).to.deep.equal([]);
  });

  it("continues by range, with a new URL, after a cut and after a refusal", async () => {
    answers.push(
      (_request, response) => {
        response.writeHead(200, { "content-length": content.length });
        response.write(content.subarray(0, 2 ** 20 + 7), () => response.destroy());
      },
      (_request, response) => response.writeHead(403).end("<Error>expired</Error>"),
      (_request, response) => response.writeHead(503).end(),
    );
    await fetch();
    expect((await readFile(target)).equals(content)).to.equal(true);
    expect(ranges[0]).to.equal(undefined);
    for (const range of ranges.slice(1)) expect(range).to.match(/^bytes=1048\d+-$/);
    expect(signed).to.equal(4);
  });

  it("continues the part file of an earlier process", async () => {
    await writeFile(`${target}.part`, content.subarray(0, 1000));
    const told: DownloadProgress[] = [];
    await fetch({ onProgress: (progress) => told.push(progress) });
    expect(ranges).to.deep.equal(["bytes=1000-"]);
    expect(told[0]).to.include({ receivedBytes: 1000, resumedBytes: 1000, bytesPerSecond: 0 });
    expect(told.at(-1)).to.include({ receivedBytes: content.length, resumedBytes: 1000 });
    expect((await readFile(target)).equals(content)).to.equal(true);
  });

  it("waits for a service that cannot sign anew for a while", async () => {
    answers.push((_request, response) => response.writeHead(403).end("<Error>expired</Error>"));
    let outages = 2;
    const signing = async () => {
      if (signed > 0 && outages-- > 0) throw new SluiceError("unavailable", "it restarts", { reason: "SHUTTING_DOWN" });
      return await sign();
    };
    await download(signing, target, { retry });
    expect((await readFile(target)).equals(content)).to.equal(true);
  });

  it("only verifies a part file that was whole already, and says that nothing came", async () => {
    await writeFile(`${target}.part`, content);
    const told: DownloadProgress[] = [];
    await fetch({ onProgress: (progress) => told.push(progress) });
    expect(ranges).to.deep.equal([]);
    expect(told.map(({ resumedBytes }) => resumedBytes)).to.deep.equal([content.length]);
  });

  it("begins anew when the part file is of another file", async () => {
    await writeFile(`${target}.part`, Buffer.alloc(1000, "x"));
    let resumedBytes = 0;
    await fetch({
      onProgress: (progress) => {
        ({ resumedBytes } = progress);
      },
    });
    expect(resumedBytes).to.equal(0);
    expect(ranges).to.deep.equal(["bytes=1000-", undefined]);
    expect((await readFile(target)).equals(content)).to.equal(true);
  });

  it("begins anew when the part file is too long, or is not to be continued", async () => {
    await writeFile(`${target}.part`, Buffer.alloc(content.length + 1));
    await fetch();
    await writeFile(`${target}.part`, content.subarray(0, 1000));
    await fetch({ resume: false });
    expect(ranges).to.deep.equal([undefined, undefined]);
  });

  it("keeps nothing of bytes that are not the file's", async () => {
    answers.push((_request, response) => void response.end(Buffer.alloc(content.length)));
    expect(await caught(fetch())).to.include({ code: "data_loss", reason: "DOWNLOAD_CORRUPT" });
    expect(await stat(`${target}.part`).catch(() => "none")).to.equal("none");
    expect(await stat(target).catch(() => "none")).to.equal("none");
  });

  it("gives up when storage stays away, keeping what it has", async () => {
    answers.push((_request, response) => {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 2 ** 20 + 2 ** 16), () => response.destroy());
    });
    answers.push(...Array(9).fill((_request: unknown, response: ServerResponse) => response.writeHead(500).end()));
    expect(await caught(fetch())).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
    expect((await stat(`${target}.part`)).size).to.be.at.least(2 ** 20);
  });

  it("does not repeat what storage refuses for good, and never shows the URL", async () => {
    answers.push((_request, response) => response.writeHead(404).end());
    const error = await caught(fetch());
    expect(error).to.include({ code: "internal", reason: "HTTP_404" });
    expect(error.message).not.to.contain("signature");
  });

  for (const [what, bytes] of [
    ["more bytes than the file has", Buffer.concat([content, content])],
    ["an end before its end", Buffer.from(content.subarray(0, 5))],
  ] as const) {
    it(`takes ${what} for a damaged answer and asks again`, async () => {
      answers.push((_request, response) => void response.end(bytes));
      await fetch();
      expect((await readFile(target)).equals(content)).to.equal(true);
      expect(ranges).to.have.length(2);
    });
  }

  it("stops when the file is replaced meanwhile", async () => {
    answers.push((_request, response) => {
      file = create(FileSchema, { ...file, fileId: "2" });
      response.destroy();
    });
    expect(await caught(fetch())).to.include({ reason: "SOURCE_CHANGED" });
  });

  it("rejects with the signal's reason", async () => {
    const controller = new AbortController();
    answers.push(() => controller.abort(new Error("enough")));
    expect((await caught(fetch({ signal: controller.signal }))).message).to.equal("enough");
  });

  it("names a destination that cannot be written", async () => {
    target = join(directory, "missing", "target.bin");
    expect(await caught(fetch())).to.include({ reason: "DESTINATION_UNWRITABLE" });
    target = join(directory, "folder");
    await mkdir(target);
    expect(await caught(fetch())).to.include({ reason: "DESTINATION_UNWRITABLE" });
  });

  it("writes to a stream at the stream's pace", async () => {
    const output = new PassThrough();
    const [bytes] = await Promise.all([buffer(output), download(sign, output, { retry }).finally(() => output.end())]);
    expect(bytes.equals(content)).to.equal(true);
  });

  it("says that a stream failed, or held wrong bytes", async () => {
    const broken = new Writable({
      write: (_bytes, _encoding, done) => done(Object.assign(new Error("x"), { code: "EIO" })),
    });
    broken.on("error", () => {});
    expect(await caught(download(sign, broken, { retry }))).to.include({ reason: "DESTINATION_UNWRITABLE" });
    answers.push((_request, response) => void response.end(Buffer.alloc(content.length)));
    expect(await caught(download(sign, new PassThrough().resume(), { retry }))).to.include({
      reason: "DOWNLOAD_CORRUPT",
    });
  });

  describe("of several ranges", () => {
    const MIB = 2 ** 20;
    const large = Buffer.alloc(27 * MIB + 3, "a large file ");
    let running: number;
    let runningMost: number;

    beforeEach(() => {
      file = create(FileSchema, { path: "a/b", fileId: "1", sizeBytes: BigInt(large.length), crc32: crc32(large) });
      [running, runningMost] = [0, 0];
      storage.removeAllListeners("request");
      storage.on("request", (request: IncomingMessage, response: ServerResponse) => {
        ranges.push(request.headers.range);
        runningMost = Math.max(runningMost, ++running);
        response.once("close", () => running--);
        (answers.shift() ?? serveRange)(request, response);
      });
    });

    function serveRange(request: IncomingMessage, response: ServerResponse): void {
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
      const end = to === "" || to === undefined ? large.length : Number(to) + 1;
      response.writeHead(206, { "content-range": `bytes ${from}-${end - 1}/${large.length}` });
      response.end(large.subarray(Number(from), end));
    }

    it("asks for some at once, and writes them in order", async () => {
      const seen: number[] = [];
      await fetch({ connections: 3, onProgress: ({ receivedBytes }) => seen.push(receivedBytes) });
      expect((await readFile(target)).equals(large)).to.equal(true);
      const expected = [0, 8, 16].map((at) => `bytes=${at * MIB}-${(at + 8) * MIB - 1}`);
      expect(ranges.toSorted()).to.deep.equal([...expected, `bytes=${24 * MIB}-`].toSorted());
      expect(runningMost).to.be.within(2, 3);
      expect(seen).to.deep.equal(seen.toSorted((a, b) => a - b));
      expect([seen.length > 3, signed]).to.deep.equal([true, 1]);
    });

    it("continues each where it was cut, by a URL that is signed anew once for all", async () => {
      const cut = (request: IncomingMessage, response: ServerResponse) => {
        const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0]);
        response.writeHead(206, {
          "content-range": `bytes ${from}-${large.length - 1}/${large.length}`,
          "content-length": 8 * MIB,
        });
        response.write(large.subarray(from, from + MIB + 1), () => response.destroy());
      };
      answers.push(cut, cut, cut);
      await fetch({ connections: 3, retry: { ...retry, delayBaseMs: 20, delayMaxMs: 20 } });
      expect((await readFile(target)).equals(large)).to.equal(true);
      const continued = ranges.filter((range) => Number(/\d+/.exec(range ?? "")?.[0]) % MIB === 1);
      expect(continued).to.have.length(3);
      expect(signed).to.be.within(2, 4);
    });

    it("keeps what came in order when storage stays away, and goes on from there", async () => {
      const away = (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end();
      answers.push(serveRange, away, ...Array.from({ length: 8 }, () => away));
      expect((await caught(fetch({ connections: 2 }))).reason).to.equal("CONNECTION_LOST");
      const kept = (await stat(`${target}.part`)).size;
      expect(kept).to.equal(8 * MIB);
      answers = [];
      ranges = [];
      await fetch();
      expect((await readFile(target)).equals(large)).to.equal(true);
      expect(ranges)
        .to.include(`bytes=${8 * MIB}-${16 * MIB - 1}`)
        .and.not.include(`bytes=0-${8 * MIB - 1}`);
    });

    it("holds no more than its ranges for a stream that takes nothing, and ends with the signal's reason", async () => {
      const abort = new AbortController();
      const stuck = new Writable({ highWaterMark: 1, write: () => {} });
      const downloading = caught(
        download(sign, stuck, { retry, connections: 2, signal: abort.signal }) as Promise<unknown>,
      );
      while (ranges.length < 2 || running > 0) await new Promise(setImmediate);
      expect(ranges, "of four").to.have.length(2);
      const reason = new Error("enough");
      abort.abort(reason);
      expect(await downloading).to.equal(reason);
    });

    for (const connections of [0, 1.5, 65, Number.NaN]) {
      it(`refuses ${connections} connections`, async () => {
        expect((await caught(fetch({ connections }))).message).to.contain("from 1 to 64");
        expect(ranges).to.deep.equal([]);
      });
    }
  });
});
