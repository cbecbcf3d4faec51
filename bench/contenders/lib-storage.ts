import { type Contender, startClient } from "../contender.ts";

/** Bytes of a piece, as `fs.createReadStream` would deliver it. */
const readBytes = 64 * 1024;

/** lib-storage, called by the program that has the file. */
export const libStorage: Contender = {
  id: "lib-storage",
  title: "lib-storage, no service between",
  tls: false,
  note: "measured in the client program itself: nothing receives, and its 64 MiB of test content count as memory",
  async start(stage) {
    const entry = new URL("../clients/lib-storage-client.ts", import.meta.url);
    const client = await startClient(entry, stage.sinkUrl, stage, { chunkBytes: readBytes });
    return { measured: client, client };
  },
};
