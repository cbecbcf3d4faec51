import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { startDevS3Server } from "./dev-s3-server.ts";
import { parseFaultRules } from "./faults.ts";

/*
 * The development S3 server as a process of its own. Prints one JSON line, {"url": ..., "port": ...}, when it is ready;
 * ends on SIGTERM and SIGINT, and with --exit-with-stdin when its standard input ends, so that it does not outlive a
 * parent that was killed. `--bucket <name>@<region>` makes a bucket in a region of its own. The secret access key comes in DEV_S3_SECRET_ACCESS_KEY, because everybody on the machine can
 * read a command line; "sluice-secret" when unset.
 */

const { values } = parseArgs({
  options: {
    directory: { type: "string", default: ".sluice/s3" },
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    region: { type: "string", default: "us-east-1" },
    "access-key-id": { type: "string", default: "sluice" },
    bucket: { type: "string", multiple: true, default: ["sluice"] },
    discard: { type: "boolean", default: false },
    "verify-checksums": { type: "boolean" },
    etags: { type: "string", default: "opaque" },
    "min-part-bytes": { type: "string" },
    "tls-cert": { type: "string" },
    "tls-key": { type: "string" },
    faults: { type: "string" },
    "exit-with-stdin": { type: "boolean", default: false },
  },
});

const toBucket = (text: string) => {
  const [name = "", region] = text.split("@");
  return region === undefined ? name : { name, region };
};

const server = await startDevS3Server({
  directory: values.directory,
  port: Number(values.port),
  host: values.host,
  region: values.region,
  accessKeyId: values["access-key-id"],
  secretAccessKey: process.env.DEV_S3_SECRET_ACCESS_KEY ?? "sluice-secret",
  buckets: values.bucket.map(toBucket),
  discard: values.discard,
  etags: values.etags === "md5" ? "md5" : "opaque",
  ...(values["verify-checksums"] !== undefined && { verifyChecksums: values["verify-checksums"] }),
  ...(values["min-part-bytes"] !== undefined && { multipartMinPartBytes: Number(values["min-part-bytes"]) }),
  ...(values["tls-cert"] !== undefined &&
    values["tls-key"] !== undefined && {
      tls: { cert: readFileSync(values["tls-cert"], "utf8"), key: readFileSync(values["tls-key"], "utf8") },
    }),
});
for (const rule of parseFaultRules(values.faults ?? "[]")) server.faults.add(rule);

const stop = () => void server.close().then(() => process.exit(0));
process.once("SIGTERM", stop).once("SIGINT", stop);
if (values["exit-with-stdin"]) process.stdin.once("end", stop).resume();

console.log(JSON.stringify({ url: server.url, port: server.port }));
