import { type Contender, findTlsProblem, sinkOf, startClient, type TlsSides } from "../stage/contender.ts";

/** Bytes of a piece, as `fs.createReadStream` would deliver it. */
const readBytes = 64 * 1024;

/** lib-storage, called by the program that has the file. */
export const libStorage: Contender = {
  id: "lib-storage",
  title: "lib-storage, no service between",
  ...program("none"),
  note: "measured in the client program itself: nothing receives, and its 64 MiB of test content count as memory",
};

/** lib-storage, called by the program that has the file, over TLS 1.3. */
export const libStorageTls: Contender = {
  id: "lib-storage-tls",
  title: "lib-storage, no service between, TLS",
  ...program("to-s3"),
};

function program(tls: TlsSides): Pick<Contender, "tls" | "start"> {
  return {
    tls,
    async start(stage) {
      const problem = findTlsProblem(stage, tls);
      if (problem !== undefined) return problem;
      const entry = new URL("../clients/lib-storage-client.ts", import.meta.url);
      const client = await startClient(entry, sinkOf(stage, tls), stage, { chunkBytes: readBytes });
      return { measured: client, client };
    },
  };
}
