import { once } from "node:events";
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { settle } from "../../testing/fakes/settle.ts";
import { UnreadHttp2 } from "../../testing/rigs/service/unread-http2.ts";
import { writePieces } from "./write-pieces.ts";

const PIECE_BYTES = 64 * 1024;
/** Together more than the system keeps of what is not read. */
const PIECES = 1024;
const [SENT, FREED] = [0x61, 0x23];

describe("writePieces", () => {
  it("calls bytes sent once they are read, and never those that the connection still holds when the caller cancels", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const isCancelled of [false, true]) {
        const caller = await UnreadHttp2.connect(url);
        caller.get(1, "/");
        const [, response] = (await once(server, "request")) as [Http2ServerRequest, Http2ServerResponse];
        const { stream } = response;
        const { session } = stream;
        stream.on("error", () => {});
        const pieces = Array.from({ length: PIECES }, () => Buffer.alloc(PIECE_BYTES, SENT));
        let isSent = false;
        writePieces(response, pieces, () => {
          isSent = true;
          // Freed memory is used for other bytes next; the test writes such bytes into it.
          for (const piece of pieces) piece.fill(FREED);
        });
        for (let turn = 0; turn < 10; turn++) await settle();
        expect(isSent).to.equal(false);
        if (isCancelled) {
          caller.cancel(1);
          await once(stream, "close");
        } else response.end();
        session?.close();
        const data = await caller.readData();
        expect(isSent).to.equal(!isCancelled);
        expect(data.length > PIECE_BYTES && data.every((byte) => byte === SENT)).to.equal(true);
      }
    } finally {
      server.close();
    }
  });
});
