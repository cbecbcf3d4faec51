import { once } from "node:events";
import { createServer } from "node:net";
import { expect } from "chai";
import { findFreePort, isPortFree } from "./tcp-port.ts";

/** The least port that Linux gives to whoever asks for any. */
const CHANCE_MIN = 32_768;

describe("findFreePort", () => {
  it("gives ports that nobody gets by chance, each once", async () => {
    const ports: number[] = [];
    for (let count = 0; count < 20; count++) ports.push(await findFreePort());
    expect(new Set(ports).size).to.equal(ports.length);
    expect(Math.max(...ports)).to.be.below(CHANCE_MIN);
  });

  it("leaves out a port that is taken", async () => {
    const port = await findFreePort();
    const server = createServer().listen(port + 1, "127.0.0.1");
    await once(server, "listening");
    try {
      expect(await isPortFree(port + 1)).to.equal(false);
      expect(await findFreePort()).to.not.equal(port + 1);
    } finally {
      server.close();
      await once(server, "close");
    }
  });
});
