import { type Contender, startClient, startServer } from "../stage/contender.ts";

/** `@tus/server` with `@tus/s3-store`. */
export const tusNode: Contender = {
  id: "tus-node",
  title: "@tus/server + @tus/s3-store",
  tls: "none",
  note: "one PATCH over HTTP/1.1",
  async start(stage) {
    const { process, url } = await startServer(new URL("../servers/tus-node-server.ts", import.meta.url), stage);
    const client = await startClient(new URL("../clients/tus-client.ts", import.meta.url), `${url}/files`, stage);
    return { measured: process, client };
  },
};
