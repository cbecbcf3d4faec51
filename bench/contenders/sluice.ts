import { type Contender, startClient } from "../contender.ts";
import { serviceToken, startSluice } from "../sluice-service.ts";

/** One WriteUpload stream into one worker; the service computes every CRC32. */
export const sluice: Contender = { id: "sluice", title: "Sluice, CRC32 by the service", ...service({ tls: false }) };

/** One WriteUpload stream with a CRC32 in every chunk, as Sluice's own clients send it. */
export const sluiceCrc: Contender = {
  id: "sluice-crc",
  title: "Sluice, CRC32 per chunk",
  ...service({ tls: false, chunkCrc: "yes" }),
};

/** One WriteUpload stream with a CRC32 in every chunk, under TLS 1.3 on both sides. */
export const sluiceCrcTls: Contender = {
  id: "sluice-crc-tls",
  title: "Sluice, CRC32 per chunk, TLS in and out",
  ...service({ tls: true, chunkCrc: "yes" }),
};

function service({ tls, chunkCrc = "no" }: { tls: boolean; chunkCrc?: string }): Pick<Contender, "tls" | "start"> {
  return {
    tls,
    async start(stage) {
      if (tls && stage.certificate === undefined) return "no openssl to make a certificate with";
      const { process: measured, url, readySeconds } = await startSluice(stage, { tls });
      const entry = new URL("../clients/sluice-client.ts", import.meta.url);
      const client = await startClient(entry, url, stage, { extra: { token: serviceToken, chunkCrc } });
      return { measured, client, readySeconds };
    },
  };
}
