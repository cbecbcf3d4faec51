import { type Contender, startClient, startServer } from "../stage/contender.ts";

/** connect-node with its defaults receives, and lib-storage with its defaults sends. */
export const obvious: Contender = {
  id: "obvious",
  title: "connect-node + lib-storage, defaults",
  tls: "none",
  note: "parts of 5 MiB, lib-storage's default",
  async start(stage) {
    const { process, url } = await startServer(new URL("../servers/obvious-server.ts", import.meta.url), stage);
    const entry = new URL("../clients/bytes-client.ts", import.meta.url);
    const client = await startClient(entry, url, stage);
    return { measured: process, client };
  },
};
