import { create, createFileRegistry, type DescMethodUnary } from "@bufbuild/protobuf";
import { type EmptySchema, FileDescriptorProtoSchema, file_google_protobuf_empty } from "@bufbuild/protobuf/wkt";

/** `rpc Do(google.protobuf.Empty) returns (google.protobuf.Empty)`, described in code as in bytes-upload-service.ts. */
export const emptyMethod = describeEmpty();

function describeEmpty(): DescMethodUnary<typeof EmptySchema, typeof EmptySchema> {
  const name = "EmptyService";
  const method = { name: "Do", inputType: ".google.protobuf.Empty", outputType: ".google.protobuf.Empty" };
  const file = create(FileDescriptorProtoSchema, {
    name: "bench/empty.proto",
    package: "sluice.bench",
    syntax: "proto3",
    dependency: [file_google_protobuf_empty.proto.name],
    service: [{ name, method: [method] }],
  });
  const registry = createFileRegistry(file, (path) =>
    path === file_google_protobuf_empty.proto.name ? file_google_protobuf_empty : undefined,
  );
  return registry.getService(`sluice.bench.${name}`)!.methods[0] as ReturnType<typeof describeEmpty>;
}
