import { randomUUID } from "node:crypto";
import type { ClientHttp2Stream } from "node:http2";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { GenerateConfigurationRequestSchema } from "../../gen/sluice/v1/configuration_service_pb.ts";
import { ListFilesRequestSchema } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { CreateUploadRequestSchema, WatchUploadRequestSchema } from "../../gen/sluice/v1/upload_service_pb.ts";
import { frameBefore } from "../clients/grpc-frame.ts";
import { startFrame, WRITE_UPLOAD_PATH } from "../clients/write-upload-frames.ts";
import { type Attack, everySecond } from "./attack.ts";
import { grpcHeaders, keepCalling, keepOpen, openAttackLines } from "./attack-lines.ts";

const namespace = "default";

function frameOf<I extends DescMessage>(schema: I, request: MessageInitShape<I>): Buffer {
  return frameBefore(toBinary(schema, create(schema, request)), Buffer.alloc(0));
}

/** Attacks by a caller that has a token and the permissions that everybody has. */
export const attacksWithToken: readonly Attack[] = [
  {
    id: "range",
    title: "2 reads a second whose Range header is 4 KB of spaces",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      const range = `bytes=${" ".repeat(2000)}-${" ".repeat(2000)}x`;
      const path = `/v1/namespaces/default/files/${target.bigPath}?alt=media`;
      const headers = { ":method": "HEAD", ":path": path, authorization: `Bearer ${target.token}`, range };
      await everySecond(signal, () => Promise.all([0, 1].map((index) => lines.call(index, headers))));
    },
  },
  {
    id: "stalled-readers",
    title: "400 readers on two connections that do not read",
    async run(target, signal) {
      const path = `/v1/namespaces/default/files/${target.bigPath}?alt=media`;
      const headers = { ":method": "GET", ":path": path, authorization: `Bearer ${target.token}` };
      await keepOpen(target, signal, { width: 400, connections: 2, headers, begin: (stream) => stream.end() });
    },
  },
  {
    id: "silent-uploads",
    title: "1,000 uploads that begin and send nothing",
    run: (target, signal) =>
      keepOpen(target, signal, {
        width: 1000,
        connections: 10,
        headers: grpcHeaders(WRITE_UPLOAD_PATH, target.token),
        begin: (stream) => stream.resume().write(startFrame()),
      }),
  },
  {
    id: "watches",
    title: "4,000 watches of one upload",
    async run(target, signal) {
      const frame = frameOf(WatchUploadRequestSchema, { namespace, uploadId: target.uploadId });
      const headers = grpcHeaders("/sluice.v1.UploadService/WatchUpload", target.token);
      const begin = (stream: ClientHttp2Stream) => stream.resume().end(frame);
      await keepOpen(target, signal, { width: 4000, connections: 40, headers, begin });
    },
  },
  {
    id: "create-uploads",
    title: "CreateUpload, 256 in flight at any time",
    async run(target, signal) {
      const headers = grpcHeaders("/sluice.v1.UploadService/CreateUpload", target.token);
      const toCall = () => {
        const requestId = randomUUID();
        const body = frameOf(CreateUploadRequestSchema, { requestId, namespace, path: `attack/${requestId}` });
        return { headers, body };
      };
      await keepCalling(target, signal, { width: 256, connections: 4, toCall });
    },
  },
  {
    id: "filtered-lists",
    title: "ListFiles with a filter that finds nothing, 64 in flight at any time",
    async run(target, signal) {
      const body = frameOf(ListFilesRequestSchema, { namespace, filter: 'metadata.nothing = "such"' });
      const headers = grpcHeaders("/sluice.v1.FileQueryService/ListFiles", target.token);
      await keepCalling(target, signal, { width: 64, connections: 4, toCall: () => ({ headers, body }) });
    },
  },
  {
    id: "yaml",
    title: "GenerateConfiguration of 149 KB of keys, one a second",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      const settings = Array.from({ length: 14_000 }, (_, index) => `k${index}: 1`).join("\n");
      const frame = frameOf(GenerateConfigurationRequestSchema, { settings });
      const headers = grpcHeaders("/sluice.v1.ConfigurationService/GenerateConfiguration", target.token);
      await everySecond(signal, () => lines.call(0, headers, frame));
    },
  },
];
