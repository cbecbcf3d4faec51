import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { connect } from "node:tls";
import { expect } from "chai";
import { createSluiceClient } from "../client/client.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { createTlsCertificate, type TlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const WORKERS = 2;

describe("The service as a process, when its TLS files change", () => {
  let rig: UploadRig;
  let service: ServiceProcess;
  let directory: string;
  let root: TlsCertificate;
  const files = () => ({ SLUICE_TLS_CERT: join(directory, "cert.pem"), SLUICE_TLS_KEY: join(directory, "key.pem") });

  before(async function () {
    const made = await createTlsCertificate();
    if (made === undefined) return this.skip();
    root = made;
    directory = await mkdtemp(join(tmpdir(), "sluice-renewal-"));
    rig = await UploadRig.start();
    await renew();
    const { endpoint, databaseUrl } = rig.service;
    const settings = { ...files(), SLUICE_WORKERS: String(WORKERS), SLUICE_PART_SIZE_BYTES: String(PART_BYTES) };
    service = await startServiceProcess(endpoint, { databaseUrl, port: await findFreePort(), settings, ca: root.cert });
  });
  after(async () => {
    await service?.kill();
    await rig?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  /** Writes another certificate, valid for longer than is reported, and returns it. */
  async function renew(): Promise<TlsCertificate> {
    const renewed = (await createTlsCertificate({ issuer: root, days: 30 })) as TlsCertificate;
    await writeFile(files().SLUICE_TLS_CERT, renewed.cert);
    await writeFile(files().SLUICE_TLS_KEY, renewed.key);
    return renewed;
  }

  /** The certificates that a few new connections see, which reach all workers in turn. */
  const seen = async () => {
    const { port } = new URL(service.url);
    const serials = new Set<string>();
    for (let i = 0; i < 2 * WORKERS; i++) {
      const socket = connect({ port: Number(port), host: "127.0.0.1", ca: root.cert });
      await once(socket, "secureConnect");
      serials.add(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    }
    return serials;
  };
  const logged = (text: string) => service.log.filter(({ msg }) => msg === text).length;
  /** The problems that a few connections hear of, one of each worker. */
  const degradations = async () => {
    const answers: { status: string; problems?: { component: string; problem: string }[] }[] = [];
    for (let i = 0; i < 2 * WORKERS; i++) {
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      const request = get(`${service.url}/readyz`, { agent: false, ca: root.cert, headers });
      const [response] = await once(request, "response");
      answers.push((await json(response)) as (typeof answers)[number]);
    }
    return answers.flatMap(({ status, problems = [] }) => problems.map((one) => ({ status, ...one })));
  };

  it("serves new connections by them in all workers, is not ended by SIGHUP, and breaks no upload", async () => {
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN, tls: { ca: root.cert } });
    const bytes = seededBytes(3 * PART_BYTES);
    // The files change in the middle of the upload, whose last part waits for that.
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const fault = { kind: "hold", released } as const;
    rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 3 }, fault });
    const [before] = await seen();
    let durable = 0;
    const onProgress = ({ durableBytes }: { durableBytes: number }) => {
      durable = durableBytes;
    };
    const upload = client.upload(bytes, "renewed/under-way", { onProgress });
    await until("it is under way", () => durable > 0);
    await renew();
    process.kill(service.pid, "SIGHUP");
    await until("new connections see another certificate", async () => !(await seen()).has(before as string));
    release();
    await upload;
    expect((await rig.download("renewed/under-way")).equals(bytes)).to.equal(true);
    client.close();
    expect(logged("new connections have the new TLS files")).to.equal(WORKERS);
  });

  it("keeps the old ones while one is half written, and says so, until the rest has come", async () => {
    const before = await seen();
    const renewed = (await createTlsCertificate({ issuer: root, days: 30 })) as TlsCertificate;
    await writeFile(files().SLUICE_TLS_CERT, renewed.cert.slice(0, renewed.cert.length / 2));
    const problems = await until("all workers have reported it", async () => {
      const found = await degradations();
      return found.length === 2 * WORKERS && found;
    });
    for (const one of problems) {
      expect(one).to.include({ status: "degraded", component: "certificate" });
      expect(one.problem).to.equal(
        "the new TLS files cannot be used, and those from before stay in use; the log says why",
      );
    }
    expect(await seen()).to.deep.equal(before);
    expect(logged("the TLS files cannot be used; those from before stay in use")).to.equal(WORKERS);
    const [{ problem } = {}] = service.log.filter(({ msg }) => String(msg).startsWith("the TLS files cannot be used"));
    expect(problem).to.match(/SLUICE_TLS_CERT is .*cert\.pem, which is cut off/);
    await writeFile(files().SLUICE_TLS_CERT, renewed.cert);
    await writeFile(files().SLUICE_TLS_KEY, renewed.key);
    await until("all workers are well again", async () => (await degradations()).length === 0);
    const after = await seen();
    expect(after.size).to.equal(1);
    expect(after).not.to.deep.equal(before);
    expect(logged("the TLS files can be used again")).to.equal(WORKERS);
  });

  it("ends by SIGTERM as before", async () => {
    expect(await service.stop()).to.equal(0);
  });
});
