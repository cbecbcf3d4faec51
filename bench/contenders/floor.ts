import { type Contender, startClient, startServer } from "../contender.ts";

/** The bare relay. The figures of all other contenders are multiples of its figures. */
export const floor: Contender = { id: "floor", title: "floor (bare relay)", ...relay(false) };

/** The bare relay with TLS 1.3 on both sides. */
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
