import { expect } from "chai";
import { createSluiceClient } from "../../../client/client.ts";
import { childrenOf } from "../service/linux-processes.ts";
import { SERVICE_TOKEN } from "../service/running-service.ts";
import type { ServiceProcess } from "../service/service-process.ts";
import { until } from "../until.ts";
import { seededBytes, type UploadRig } from "../uploads/upload-rig.ts";

/** How much a test of killed processes uploads. */
export interface KilledUploads {
  /** Files that are written at once. */
  files: number;
  /** Parts of each file, besides a last one of a few bytes. */
  parts: number;
  /** The part size that the service has from its settings. */
  partBytes: number;
}

/**
 * Uploads files to `service`, kills what `kill` kills once all are under way and none is complete, and expects that all files
 * arrive with their bytes.
 */
export async function uploadThroughKill(
  rig: UploadRig,
  { service, files, parts, partBytes }: KilledUploads & { service: ServiceProcess },
  kill: () => unknown,
): Promise<void> {
  const { faults } = rig.service.s3;
  const contents = Array.from({ length: files }, (_, nth) => seededBytes(parts * partBytes + nth + 1, nth + 1));
  const paths = contents.map((_, nth) => `killed/${service.pid}/${nth}`);
  const clients = contents.map(() => createSluiceClient({ url: service.url, token: SERVICE_TOKEN }));
  const durable = contents.map(() => 0);
  // The last part of each file waits until the kill is done.
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  faults.add({
    operation: "UploadPart",
    match: { partNumber: parts + 1 },
    times: files,
    fault: { kind: "hold", released },
  });
  const phases = new Set<string>();
  const uploads = clients.map((client, nth) =>
    client.upload(contents[nth] as Buffer, paths[nth] as string, {
      onProgress: ({ durableBytes, phase }) => {
        durable[nth] = durableBytes;
        phases.add(phase);
      },
    }),
  );
  await until("all are under way", () => durable.every((bytes) => bytes >= partBytes));
  expect([...phases], "no file is complete").not.to.include("done");
  faults.clear();
  await kill();
  release();
  await Promise.all(uploads);
  expect([...phases]).to.include("done");
  for (const [nth, path] of paths.entries()) {
    expect((await rig.download(path)).equals(contents[nth] as Buffer), path).to.equal(true);
  }
  for (const client of clients) client.close();
}

/** Kills the worker that has lived longest, so that each place has its turn, and waits until another listens. */
export async function replaceOldestWorker(service: ServiceProcess): Promise<void> {
  const listened = listening(service);
  process.kill(childrenOf(service.pid)[0] as number, "SIGKILL");
  await untilListening(service, listened + 1);
}

/** Resolves when so many workers have begun to listen since the start of the service. */
export async function untilListening(service: ServiceProcess, count: number): Promise<void> {
  await until(`${count} workers have listened`, () => listening(service) >= count);
}

function listening({ log }: ServiceProcess): number {
  return log.filter(({ msg }) => msg === "listening").length;
}
