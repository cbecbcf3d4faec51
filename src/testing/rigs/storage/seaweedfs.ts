import { findFreePort } from "../../../devstack/tcp-port.ts";
import { TOOLS } from "../tools/find-tool.ts";
import type { ObjectStoreSubject } from "./object-store-subject.ts";
import { type S3JudgeRecipe, startS3Judge } from "./s3-judge.ts";

/** What SeaweedFS does not do. */
export const SEAWEEDFS_UNABLE: NonNullable<ObjectStoreSubject["unable"]> = {
  "refuses a body whose bytes do not match its CRC32":
    "SeaweedFS answers 500 to a wrong checksum trailer, and drops the part",
  "reports what storage refuses for good": "SeaweedFS creates a bucket that it does not have with the first object",
  "lists parts with sizes and ETags, ascending":
    "SeaweedFS states the CRC32 of a part in its answer, and not in ListParts",
  "replaces a part that is sent again": "SeaweedFS lists both parts of one number, and takes the newer",
  "takes the part that was signed, once and again, beside others":
    "SeaweedFS lists no CRC32 of parts, so that none can be adopted",
  "are of no version that is not there": "SeaweedFS answers 500 to a hold on an object that it does not have",
  "says in which region it lies": "SeaweedFS has buckets in no region",
  "is refused when there is none of its name": "SeaweedFS says of every bucket that it exists",
};

const RECIPE: S3JudgeRecipe = {
  tool: TOOLS.seaweedfs,
  args: async ({ port, directory }) => {
    // Each of its servers has a port for gRPC too: 10,000 above where none is named, which may be no port at all.
    const names = [
      "master.port",
      "master.port.grpc",
      "volume.port",
      "volume.port.grpc",
      "filer.port",
      "filer.port.grpc",
    ];
    const ports = [];
    for (const name of [...names, "s3.port.grpc"]) ports.push(`-${name}=${await findFreePort()}`);
    return [
      ...["mini", `-dir=${directory}`, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", `-s3.port=${port}`, ...ports],
      ...["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"],
      ...["-s3.iam=false"],
    ];
  },
  env: ({ accessKeyId, secretAccessKey }) => ({
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }),
};

/** Starts SeaweedFS, as `startS3Judge` does. */
export const startSeaweedfs = () => startS3Judge(RECIPE);
