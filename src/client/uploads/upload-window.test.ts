import { Http2SessionManager } from "@connectrpc/connect-node";
import { expect } from "chai";
import { sum } from "../../testing/fakes/scripted-upload.ts";
import { type ScriptedServer, startScriptedServer } from "../../testing/fakes/scripted-upload-server.ts";
import { Addresses } from "../connection/addresses.ts";
import { Credentials } from "../credentials.ts";
import { type UploadPorts, upload } from "./upload.ts";
import { shareConnection } from "./upload-connection.ts";
import { createIterableSource } from "./upload-source.ts";

const PART_BYTES = 64 * 1024;
const PIECE_BYTES = 256 * 1024;

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(PIECE_BYTES, i + 1);
}

const noLanes = () => {
  throw new Error("an iterable is sent by one stream");
};

describe("upload of an iterable whose window is full", () => {
  let server: ScriptedServer;
  let manager: Http2SessionManager;
  let ports: UploadPorts;

  beforeEach(async () => {
    server = await startScriptedServer({ partSizeBytes: PART_BYTES });
    manager = new Http2SessionManager(server.url);
    ports = {
      connect: () =>
        shareConnection(new Addresses([{ name: server.url, url: new URL(server.url) }]).route(), {
          sessionOf: () => manager,
          credentials: new Credentials("secret"),
        }),
      connectLane: noLanes,
      createUpload: noLanes,
      getUpload: noLanes,
    };
  });

  afterEach(async () => {
    manager.abort();
    await server.close();
  });

  it("reads on only after the service has made kept bytes durable", async () => {
    let leadMaxBytes = 0;
    let givenBytes = 0;
    const source = createIterableSource(
      (async function* () {
        for await (const piece of pieces(8)) {
          leadMaxBytes = Math.max(leadMaxBytes, givenBytes - sum(server.uploads[0]?.durable ?? []));
          givenBytes += piece.length;
          yield piece;
        }
      })(),
      PIECE_BYTES,
    );
    await upload(ports, source, { path: "a", options: {} });
    expect(leadMaxBytes).to.be.below(PIECE_BYTES);
    expect(Buffer.concat(server.uploads[0]?.durable ?? [])).to.have.length(8 * PIECE_BYTES);
  });

  it("wakes and continues when the stream is cut while it waits", async () => {
    server.scripts.push({ act: "reset", afterBytes: PIECE_BYTES - PART_BYTES + 1 });
    const source = createIterableSource(pieces(4), PIECE_BYTES);
    await upload(ports, source, { path: "a", options: { retry: { delayBaseMs: 1 } } });
    expect(server.starts).to.have.length(2);
    const stored = Buffer.concat(server.uploads[0]?.durable ?? []);
    expect([0, 1, 2, 3].map((i) => stored[i * PIECE_BYTES])).to.deep.equal([1, 2, 3, 4]);
  });

  it("says which bytes it no longer has when the service asks for them", async () => {
    server.scripts.push({ act: "reset", afterBytes: PIECE_BYTES + 1 });
    const source = createIterableSource(pieces(4), PIECE_BYTES);
    const failing = upload(ports, source, {
      path: "a",
      options: {
        retry: { delayBaseMs: 1 },
        onProgress: ({ failures }) => {
          // The bytes that the service had called durable are gone.
          if (failures > 0) server.uploads[0]?.durable.splice(0);
        },
      },
    });
    const error = await failing.catch((thrown: Error) => thrown);
    expect(error).to.include({ reason: "SOURCE_NOT_REWINDABLE" });
  });
});
