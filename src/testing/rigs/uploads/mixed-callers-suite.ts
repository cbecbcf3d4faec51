import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createTlsCertificate } from "../tls-certificate.ts";
import { type MixedCount, type MixedService, runMixedCallers, type Way } from "./mixed-callers.ts";
import { RawConnection } from "./raw-write-call.ts";
import { UploadRig } from "./upload-rig.ts";

const HTTP2_WAYS: readonly Way[] = ["grpc", "put over HTTP/2", "Connect", "gRPC-web"];
const PLAIN_WAYS: readonly Way[] = [...HTTP2_WAYS, "put over HTTP/1.1"];

/**
 * Describes callers of every kind on one service in plaintext and one by TLS, whose received memory is given back by hand: every byte
 * that is stored and every byte that is read is its caller's. `buffers` is the mean number of buffers of an upload.
 */
export function describeMixedCallers(
  what: string,
  size: { callers: number; uploads: number; buffers: number; seed: number },
): void {
  describe(`received memory, with ${what}`, () => {
    const settings = {
      SLUICE_UPLOADS_MAX: "500",
      SLUICE_MEMORY_BUDGET_BYTES: String(256 * 2 ** 20),
      SLUICE_STALL_TIMEOUT_MS: "120000",
    };
    const services: MixedService[] = [];
    const ends: (() => Promise<unknown>)[] = [];
    before(async () => {
      services.push(await start(settings, PLAIN_WAYS));
      const certificate = await createTlsCertificate();
      if (certificate === undefined) return;
      const directory = await mkdtemp(join(tmpdir(), "sluice-mixed-"));
      ends.push(() => rm(directory, { recursive: true }));
      const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
      await writeFile(cert, certificate.cert);
      await writeFile(key, certificate.key);
      const tls = { ...settings, SLUICE_TLS_CERT: cert, SLUICE_TLS_KEY: key };
      services.push(await start(tls, HTTP2_WAYS, certificate.cert));
    });
    after(async () => {
      for (const end of ends.reverse()) await end();
    });

    async function start(settings: Readonly<Record<string, string>>, ways: readonly Way[], ca?: string) {
      const rig = await UploadRig.start({ settings });
      ends.push(() => rig.stop());
      const { url, s3 } = rig.service;
      return { url, s3, ways, connect: () => new RawConnection(url, ca) };
    }

    it("gives every caller its own bytes, stored and read", async () => {
      const { files, buffers, cuts }: MixedCount = await runMixedCallers(services, size);
      expect(files).to.equal(size.callers * size.uploads);
      expect(buffers).to.be.at.least(size.callers * size.uploads * size.buffers * 0.8);
      expect(cuts).to.be.above(0);
    });
  });
}
