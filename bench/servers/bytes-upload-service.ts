import { create, createFileRegistry, type DescMethodClientStreaming } from "@bufbuild/protobuf";
import {
  type BytesValueSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type UInt64ValueSchema,
} from "@bufbuild/protobuf/wkt";

/**
 * The method that somebody in a hurry would write: `rpc Put(stream google.protobuf.BytesValue) returns
 * (google.protobuf.UInt64Value)`. It answers the size in bytes. It is described in code, so that the benchmark adds no proto
 * of its own to the API's.
 */
export const putMethod = describePut();

/** Path of the method in HTTP/2. */
export const putPath = "/sluice.bench.BytesUploadService/Put";

function describePut(): DescMethodClientStreaming<typeof BytesValueSchema, typeof UInt64ValueSchema> {
  const file = create(FileDescriptorProtoSchema, {
    name: "bench/bytes_upload.proto",
    package: "sluice.bench",
    syntax: "proto3",
    dependency: [file_google_protobuf_wrappers.proto.name],
    service: [
      {
        name: "BytesUploadService",
        method: [
          {
            name: "Put",
            inputType: ".google.protobuf.BytesValue",
            outputType: ".google.protobuf.UInt64Value",
            clientStreaming: true,
          },
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, (name) =>
    name === file_google_protobuf_wrappers.proto.name ? file_google_protobuf_wrappers : undefined,
  );
  return registry.getService("sluice.bench.BytesUploadService")!.methods[0] as ReturnType<typeof describePut>;
}
