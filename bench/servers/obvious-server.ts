// The service that one writes first: a connect-node handler with its defaults, which feeds lib-storage with its defaults.
import { createSecureServer, createServer } from "node:http2";
import { Readable } from "node:stream";
import { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { create } from "@bufbuild/protobuf";
import { type BytesValue, UInt64ValueSchema } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { sinkBucket, sinkClientOptions } from "../stage/sink-client.ts";
import { putMethod } from "./bytes-upload-service.ts";
import { announceServer, parseServerArguments } from "./server-process.ts";

const { sinkUrl, tls } = parseServerArguments();
const client = new S3Client(sinkClientOptions(sinkUrl));
let uploads = 0;

const adapter = connectNodeAdapter({ routes: (router) => router.rpc(putMethod, put) });
const server = tls === undefined ? createServer(adapter) : createSecureServer(tls, adapter);
announceServer(server, tls === undefined ? "http" : "https");

async function put(requests: AsyncIterable<BytesValue>) {
  let sizeBytes = 0;
  async function* content() {
    for await (const { value } of requests) {
      sizeBytes += value.length;
      yield value;
    }
  }
  const params = { Bucket: sinkBucket, Key: `obvious-${uploads++}`, Body: Readable.from(content()) };
  await new Upload({ client, params }).done();
  return create(UInt64ValueSchema, { value: BigInt(sizeBytes) });
}
