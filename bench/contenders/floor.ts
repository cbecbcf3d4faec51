import { type Contender, findTlsProblem, startClient, startServer, type TlsSides } from "../stage/contender.ts";

/** The relay without HTTP/2, from socket to socket: what Node can do at best. */
export const raw: Contender = {
  id: "raw",
  title: "raw TCP relay, no HTTP/2",
  tls: "none",
  async start(stage) {
    const { process, url } = await startServer(new URL("../servers/raw-relay-server.ts", import.meta.url), stage);
    const client = await startClient(new URL("../clients/put-client.ts", import.meta.url), url, stage, {
      extra: { path: "/bench/raw?partNumber=1&uploadId=raw", status: "200" },
    });
    return { measured: process, client };
  },
};

/** The bare relay, which gathers as many bytes for a write as Sluice does. The figures of others are multiples of its figures. */
export const floor: Contender = { id: "floor", title: "floor (bare relay)", ...relay("none") };

/** The bare relay that writes each buffer alone. */
export const floorSingle: Contender = {
  id: "floor-single",
  title: "floor, each buffer alone",
  ...relay("none", { isGathered: false }),
};

/** The bare relay with TLS 1.3 on both sides. */
export const floorTls: Contender = { id: "floor-tls", title: "floor, TLS in and out", ...relay("both") };

/** The bare relay behind a load balancer that ends TLS. */
export const floorTlsToS3: Contender = { id: "floor-tls-to-s3", title: "floor, TLS to S3 alone", ...relay("to-s3") };

/** Sluice gathers so many bytes for one write to S3: `body.layout.corkBytes` of the configuration. */
const CORK_BYTES = { none: 128 * 1024, both: 64 * 1024, "to-s3": 64 * 1024 } as const;

function relay(tls: TlsSides, { isGathered = true } = {}): Pick<Contender, "tls" | "start"> {
  return {
    tls,
    async start(stage) {
      const problem = findTlsProblem(stage, tls);
      if (problem !== undefined) return problem;
      const entry = new URL("../servers/relay-server.ts", import.meta.url);
      const corkBytes = isGathered ? CORK_BYTES[tls] : 0;
      const { process, url } = await startServer(entry, stage, { tls, corkBytes });
      const client = await startClient(new URL("../clients/relay-client.ts", import.meta.url), url, stage);
      return { measured: process, client };
    },
  };
}
