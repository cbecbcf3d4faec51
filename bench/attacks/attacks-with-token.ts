import { randomUUID } from "node:crypto";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { GenerateConfigurationRequestSchema } from "../../gen/sluice/v1/configuration_service_pb.ts";
import { ListFilesRequestSchema } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { CreateUploadRequestSchema, WatchUploadRequestSchema } from "../../gen/sluice/v1/upload_service_pb.ts";
import { frameBefore } from "../clients/grpc-frame.ts";
import { startFrame, WRITE_UPLOAD_PATH } from "../clients/write-upload-frames.ts";
import { type Attack, everySecond, keepDoing } from "./attack.ts";
import { grpcHeaders, openAttackLines, untilClosed } from "./attack-lines.ts";

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
      const lines = openAttackLines(target, signal);
      const path = `/v1/namespaces/default/files/${target.bigPath}?alt=media`;
      const headers = { ":method": "GET", ":path": path, authorization: `Bearer ${target.token}` };
      await keepDoing(400 * target.scale, signal, async (index) => {
        const stream = lines.open(index % 2, headers);
        stream.end();
        await untilClosed(stream);
        throw new Error("refused");
      });
    },
  },
  {
    id: "silent-uploads",
    title: "1,000 uploads that begin and send nothing",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      await keepDoing(1000 * target.scale, signal, async (index) => {
        const stream = lines.open(index % 10, grpcHeaders(WRITE_UPLOAD_PATH, target.token));
        stream.resume();
        stream.write(startFrame());
        await untilClosed(stream);
        throw new Error("refused");
      });
    },
  },
  {
    id: "watches",
    title: "4,000 watches of one upload",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      const frame = frameOf(WatchUploadRequestSchema, { namespace, uploadId: target.uploadId });
      await keepDoing(4000 * target.scale, signal, async (index) => {
        const stream = lines.open(index % 40, grpcHeaders("/sluice.v1.UploadService/WatchUpload", target.token));
        stream.resume();
        stream.end(frame);
        await untilClosed(stream);
        throw new Error("refused");
      });
    },
  },
  {
    id: "create-uploads",
    title: "CreateUpload, 256 in flight at any time",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      await keepDoing(256 * target.scale, signal, (index) => {
        const requestId = randomUUID();
        const frame = frameOf(CreateUploadRequestSchema, { requestId, namespace, path: `attack/${requestId}` });
        return lines.call(index % 4, grpcHeaders("/sluice.v1.UploadService/CreateUpload", target.token), frame);
      });
    },
  },
  {
    id: "filtered-lists",
    title: "ListFiles with a filter that finds nothing, 64 in flight at any time",
    async run(target, signal) {
      const lines = openAttackLines(target, signal);
      const frame = frameOf(ListFilesRequestSchema, { namespace, filter: 'metadata.nothing = "such"' });
      await keepDoing(64 * target.scale, signal, (index) =>
        lines.call(index % 4, grpcHeaders("/sluice.v1.FileQueryService/ListFiles", target.token), frame),
      );
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
