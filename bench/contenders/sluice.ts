import { type Contender, findTlsProblem, startClient, type TlsSides } from "../stage/contender.ts";
import { serviceToken, startSluice } from "../stage/sluice-service.ts";

/** One WriteUpload stream into one worker; the service computes every CRC32. */
export const sluice: Contender = { id: "sluice", title: "Sluice, CRC32 by the service", ...stream("none") };

/** One WriteUpload stream with a CRC32 in every chunk, as Sluice's own clients send it. */
export const sluiceCrc: Contender = {
  id: "sluice-crc",
  title: "Sluice, CRC32 per chunk",
  ...stream("none", { chunkCrc: "yes" }),
};

/** One WriteUpload stream with a CRC32 in every chunk, under TLS 1.3 on both sides. */
export const sluiceCrcTls: Contender = {
  id: "sluice-crc-tls",
  title: "Sluice, CRC32 per chunk, TLS in and out",
  ...stream("both", { chunkCrc: "yes" }),
};

/** One WriteUpload stream with a CRC32 in every chunk, behind a load balancer that ends TLS. */
export const sluiceCrcTlsToS3: Contender = {
  id: "sluice-crc-tls-to-s3",
  title: "Sluice, CRC32 per chunk, TLS to S3 alone",
  ...stream("to-s3", { chunkCrc: "yes" }),
};

/** One REST PUT over HTTP/1.1; the service computes the CRC32. */
export const sluicePut: Contender = { id: "sluice-put", title: "Sluice, PUT over HTTP/1.1", ...put("put-client") };

/** One REST PUT over HTTP/2. */
export const sluicePutH2: Contender = {
  id: "sluice-put-h2",
  title: "Sluice, PUT over HTTP/2",
  ...put("put-h2-client"),
};

/** A file by the TypeScript client, as the command line sends it. */
export const sluiceClient: Contender = {
  id: "sluice-client",
  title: "Sluice, a file by its TypeScript client",
  note: "large files go over four connections",
  ...service("none", "file-client", {}),
};

function stream(tls: TlsSides, { chunkCrc = "no" } = {}) {
  return service(tls, "sluice-client", { chunkCrc });
}

function put(program: string) {
  return service("none", program, { path: "/v1/namespaces/default/files/put/{id}", status: "201" });
}

function service(
  tls: TlsSides,
  program: string,
  extra: Readonly<Record<string, string>>,
): Pick<Contender, "tls" | "start"> {
  return {
    tls,
    async start(stage) {
      const problem = findTlsProblem(stage, tls);
      if (problem !== undefined) return problem;
      const { process: measured, url, readySeconds } = await startSluice(stage, { tls });
      const client = await startClient(new URL(`../clients/${program}.ts`, import.meta.url), url, stage, {
        extra: { token: serviceToken, directory: stage.directory, ...extra },
      });
      return { measured, client, readySeconds };
    },
  };
}
