import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { expect } from "chai";
import { type ScriptedServer, startScriptedServer } from "../../testing/fakes/scripted-upload-server.ts";
import type { SluiceError } from "../sluice-error.ts";
import { UploadStream, type UploadStreamOptions } from "./upload-stream.ts";

const METHOD = "/sluice.v1.UploadService/WriteUpload";

const create: UploadStreamOptions["start"] = {
  target: { case: "create", value: { requestId: "r", namespace: "default", path: "a" } },
};

const open = (manager: Http2SessionManager, options: Partial<UploadStreamOptions> = {}) =>
  UploadStream.open(manager, {
    methodPath: METHOD,
    token: "secret",
    start: create,
    onProgress: () => {},
    signal: new AbortController().signal,
    ...options,
  });

const caught = (promise: Promise<unknown>): Promise<SluiceError> =>
  promise.then(
    () => Promise.reject(new Error("it resolved")),
    (error) => error,
  );

describe("UploadStream", () => {
  describe("with a service", () => {
    let server: ScriptedServer;
    let manager: Http2SessionManager;

    beforeEach(async () => {
      server = await startScriptedServer();
      manager = new Http2SessionManager(server.url);
    });

    afterEach(async () => {
      manager.abort();
      await server.close();
    });

    it("gives a silent service up", async () => {
      server.scripts.push({ act: "silence" });
      const stream = await open(manager, { silenceMaxMs: 40 });
      const error = await caught(stream.started);
      expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
      expect(error.message).to.contain("said nothing for 0.04 s");
      expect(stream.ended.aborted).to.equal(true);
    });

    it("keeps a stream alive with empty chunks while the caller has nothing to say", async () => {
      const stream = await open(manager, { keepaliveIntervalMs: 10 });
      await stream.started;
      while (server.chunks.length < 2) await new Promise((resolve) => setImmediate(resolve));
      expect(server.chunks[0]).to.deep.equal({ offset: 0, sizeBytes: 0 });
      stream.finish({ sizeBytes: 0n, crc32: 0 });
      const outcome = await stream.outcome;
      expect(outcome.$typeName === "sluice.v1.WriteUploadCommitted" && outcome.receipt?.sizeBytes).to.equal(0n);
    });

    it("releases what is sent after its end, and says why it ended", async () => {
      const stream = await open(manager);
      await stream.started;
      stream.cancel(new Error("enough"));
      stream.cancel(new Error("later reasons do not count"));
      stream.finish({ sizeBytes: 0n, crc32: 0 });
      let released = 0;
      const lease = { bytes: Buffer.from("x"), release: () => released++ };
      expect((await caught(stream.send({ offset: 0, crc32: 0 }, lease))).message).to.equal("enough");
      expect(released).to.equal(1);
    });

    it("wakes and releases everything when it is cancelled while the socket is full", async () => {
      server.scripts.push({ act: "silence", afterBytes: 0 });
      const stream = await open(manager);
      let sent = 0;
      let released = 0;
      const lease = () => ({ bytes: Buffer.alloc(2 ** 20), release: () => released++ });
      const sending = (async () => {
        for (;;) {
          // The fourth chunk does not fit through the window of a silent service, so its send waits.
          if (sent === 3) setImmediate(() => stream.cancel(new Error("enough")));
          await stream.send({ offset: sent++ * 2 ** 20, crc32: 0 }, lease());
        }
      })();
      expect((await caught(sending)).message).to.equal("enough");
      while (released < sent) await new Promise((resolve) => setImmediate(resolve));
    });

    it("does not begin when the caller has aborted while it connected", async () => {
      const controller = new AbortController();
      const opening = open(manager, { signal: controller.signal });
      controller.abort(new Error("enough"));
      expect((await caught(opening)).message).to.equal("enough");
    });
  });

  describe("with something else at the other end", () => {
    let server: Http2Server;
    let manager: Http2SessionManager;
    let answer: (stream: ServerHttp2Stream) => void = () => {};

    beforeEach(async () => {
      server = createServer();
      server.on("stream", (stream) => {
        stream.on("error", () => {});
        answer(stream as ServerHttp2Stream);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      manager = new Http2SessionManager(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });

    afterEach(async () => {
      manager.abort();
      await new Promise((resolve) => server.close(resolve));
    });

    const failureOf = async (how: typeof answer) => {
      answer = how;
      return await caught((await open(manager)).outcome);
    };
    const grpc = { ":status": 200, "content-type": "application/grpc+proto" };

    it("tells a proxy that refuses from a service that does", async () => {
      const error = await failureOf((stream) => stream.respond({ ":status": 503 }, { endStream: true }));
      expect(error).to.include({ code: "unavailable", reason: "HTTP_503" });
    });

    it("says that a web site is no service", async () => {
      const page = await failureOf((stream) => stream.respond({ ":status": 200, "content-type": "text/html" }));
      expect(page).to.include({ code: "unimplemented", reason: "NOT_SLUICE" });
      const missing = await failureOf((stream) => stream.respond({ ":status": 404 }, { endStream: true }));
      expect(missing.message).to.contain("HTTP status 404; check the URL");
    });

    it("refuses answers that are no protocol of ours", async () => {
      const garbage = await failureOf((stream) => {
        stream.respond(grpc);
        stream.write(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0xff]));
      });
      expect(garbage).to.include({ code: "internal", reason: "PROTOCOL_VIOLATED" });
      const nothing = await failureOf((stream) => {
        stream.respond(grpc, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end();
      });
      expect(nothing.message).to.contain("named no file");
    });

    it("counts an answer without a status as a cut", async () => {
      const error = await failureOf((stream) => {
        stream.respond(grpc);
        stream.end();
      });
      expect(error).to.include({ reason: "CONNECTION_LOST" });
    });
  });
});
