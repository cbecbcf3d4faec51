import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { type Certificate, createCertificate } from "../certificate.ts";
import { connectHttp2 } from "../clients/http2-upload.ts";
import type { Stage } from "../contender.ts";
import type { FigureRow } from "../sessions/figure-row.ts";
import { type SluiceService, startSluice } from "../sluice-service.ts";
import { beginPacedUpload, cancelCall } from "./paced-upload.ts";

/** How much is measured. */
export interface ConnectionsRun {
  /** Certificates that are written over the one in use, one after the other. */
  readonly reloads: number;
}

const CANCELLED_CALLS = 2000;
/** Cancelled calls under way at a time: the streams of a connection are 256. */
const CANCELLED_AT_ONCE = 200;
const UPLOADS_BESIDE_CALLS = 10;
const UPLOADS_UNDER_RELOADS = 50;
const RELOAD_MAX_MS = 1000;
/** Time after which a certificate that nobody sees is given up, in milliseconds. */
const RELOAD_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 10;

/** Measures what happens to uploads when others of their connection give up calls, and when the certificate is renewed. */
export async function measureConnections(
  stage: Stage,
  run: ConnectionsRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const rows = [await measureCancelledCalls(stage, report)];
  const { certificate } = stage;
  if (certificate !== undefined) rows.push(...(await measureReloads(stage, { ...run, certificate, report })));
  return rows;
}

async function measureCancelledCalls(stage: Stage, report: (what: string) => void): Promise<FigureRow> {
  const service = await startSluice(stage);
  try {
    const session = await connectHttp2(service.url);
    session.on("error", () => undefined);
    const uploads = Array.from({ length: UPLOADS_BESIDE_CALLS }, (_, i) => beginPacedUpload(session, `cancelled/${i}`));
    await delay(1000);
    const begun = performance.now();
    for (let sent = 0; sent < CANCELLED_CALLS; sent += CANCELLED_AT_ONCE) {
      // Every other call is given up in the moment that begins it.
      const calls = Array.from({ length: CANCELLED_AT_ONCE }, (_, i) =>
        cancelCall(session, "none", i % 2 === 0 ? 0 : 2),
      );
      await Promise.all(calls);
    }
    const ms = performance.now() - begun;
    const written = await Promise.all(uploads.map((upload) => upload.end()));
    session.destroy();
    const broken = written.filter((isWritten) => !isWritten).length;
    report(`${CANCELLED_CALLS} cancelled calls in ${ms.toFixed(0)} ms: ${broken} uploads broken`);
    return {
      name: `${CANCELLED_CALLS} cancelled calls beside ${UPLOADS_BESIDE_CALLS} uploads on one connection: uploads broken`,
      measured: broken,
      unit: "count",
      must: { atMost: 0 },
      note: `cancelled in ${(ms / 1000).toFixed(1)} s, half of them in the moment that begins them`,
    };
  } finally {
    await service.process.stop();
  }
}

async function measureReloads(
  stage: Stage,
  { reloads, certificate, report }: ConnectionsRun & { certificate: Certificate; report: (what: string) => void },
): Promise<FigureRow[]> {
  const renewal = await prepareRenewal(stage, certificate);
  const service = await startSluice(stage, { tls: "both", settings: renewal.settings });
  try {
    // Each upload has a connection of its own: any connection that is cut breaks an upload, and is counted.
    const sessions = await Promise.all(
      Array.from({ length: UPLOADS_UNDER_RELOADS }, () => connectHttp2(service.url, renewal.ca)),
    );
    for (const session of sessions) session.on("error", () => undefined);
    const uploads = sessions.map((session, i) => beginPacedUpload(session, `reloaded/${i}`));
    await delay(1000);
    const times: number[] = [];
    for (let reload = 1; reload <= reloads; reload++) {
      const serial = await renewal.write(reload);
      times.push(await untilSeen(service, serial));
    }
    const written = await Promise.all(uploads.map((upload) => upload.end()));
    for (const session of sessions) session.destroy();
    const broken = written.filter((isWritten) => !isWritten).length;
    const slowestMs = Math.max(...times);
    report(`${reloads} certificates: ${broken} uploads broken, the slowest was seen after ${slowestMs.toFixed(0)} ms`);
    const what = `${reloads} certificate reloads under ${UPLOADS_UNDER_RELOADS} uploads`;
    return [
      { name: `${what}: uploads broken`, measured: broken, unit: "count", must: { atMost: 0 } },
      {
        name: `${what}: time until a new handshake has the new certificate, longest`,
        measured: slowestMs,
        unit: "ms",
        must: { atMost: RELOAD_MAX_MS },
      },
    ];
  } finally {
    await service.process.stop();
  }
}

/** Two certificates, the stage's own first, that are written in turn over files which the service follows. */
async function prepareRenewal({ directory }: Stage, own: Certificate) {
  const renewedDirectory = join(directory, "renewed");
  await mkdir(renewedDirectory);
  const renewed = (await createCertificate(renewedDirectory)) as Certificate;
  const read = async ({ certPath, keyPath }: Certificate) => ({
    cert: await readFile(certPath),
    key: await readFile(keyPath),
  });
  const [first, second] = [await read(own), await read(renewed)];
  const followed = { certPath: join(directory, "followed-cert.pem"), keyPath: join(directory, "followed-key.pem") };
  /** Writes the next certificate and returns its serial number. */
  const write = async (reload: number): Promise<string> => {
    const { cert, key } = reload % 2 === 0 ? first : second;
    await writeFile(followed.certPath, cert);
    await writeFile(followed.keyPath, key);
    return new X509Certificate(cert).serialNumber;
  };
  await write(0);
  return { ca: first.cert, write, settings: { SLUICE_TLS_CERT: followed.certPath, SLUICE_TLS_KEY: followed.keyPath } };
}

/** Milliseconds until a new handshake shows the certificate of this serial number; rejects after 10 s. */
async function untilSeen({ url }: SluiceService, serial: string): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const seen = socket.getPeerCertificate().serialNumber;
    socket.destroy();
    const ms = performance.now() - begun;
    if (seen === serial) return ms;
    if (ms > RELOAD_TIMEOUT_MS)
      throw new Error(`no handshake has shown the new certificate for ${RELOAD_TIMEOUT_MS} ms`);
    await delay(LOOK_EVERY_MS);
  }
}
