import { type Contender, startClient, startServer } from "../contender.ts";

/** The bare relay that every other contender is a multiple of. */
export const floor: Contender = { id: "floor", title: "floor (bare relay)", ...relay(false) };

/** The same with TLS 1.3 on both sides. */
export const floorTls: Contender = { id: "floor-tls", title: "floor, TLS in and out", ...relay(true) };

function relay(tls: boolean): Pick<Contender, "tls" | "start"> {
  return {
    tls,
    async start(stage) {
      if (tls && stage.certificate === undefined) return "no openssl to make a certificate with";
      const { process, url } = await startServer(new URL("../servers/relay-server.ts", import.meta.url), stage, {
        tls,
      });
      const client = await startClient(new URL("../clients/relay-client.ts", import.meta.url), url, stage);
      return { measured: process, client };
    },
  };
}
