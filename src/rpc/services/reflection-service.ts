import { createRegistry, type DescFile, type DescService, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";

/** The requests that both versions of the protocol know, as generated code shapes them. */
interface ReflectionRequest {
  host: string;
  messageRequest:
    | { case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices"; value: string }
    | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
    | { case: undefined; value?: undefined };
}

type ReflectionAnswer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

interface Descriptors {
  serviceNames: string[];
  files: ReadonlyMap<string, DescFile>;
  types: Registry;
}

/**
 * gRPC server reflection for the given services, from the descriptors in the generated code. `others` are files that no
 * service imports, such as those of the details of errors. Versions v1 and v1alpha have the same messages under two names, so
 * one implementation serves both. An answer carries first the file that was asked for, because clients (ghz, protoreflect)
 * take the first file for it, as grpc-go answers. Then follow the imports that the stream has not carried yet.
 */
export function createReflectionService(services: readonly DescService[], others: readonly DescFile[] = []) {
  const files = new Map<string, DescFile>();
  for (const file of [...services.map((service) => service.file), ...others]) addWithImports(file, files);
  const descriptors: Descriptors = {
    serviceNames: services.map((service) => service.typeName).sort(),
    files,
    types: createRegistry(...files.values()),
  };
  return {
    async *serverReflectionInfo<Request extends ReflectionRequest>(requests: AsyncIterable<Request>) {
      const sentFiles = new Set<string>();
      for await (const request of requests) {
        const messageResponse = answer(request.messageRequest, descriptors, sentFiles);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  };
}

function addWithImports(file: DescFile, files: Map<string, DescFile>): void {
  if (files.has(file.proto.name)) return;
  for (const imported of file.dependencies) addWithImports(imported, files);
  files.set(file.proto.name, file);
}

function answer(
  request: ReflectionRequest["messageRequest"],
  { serviceNames, files, types }: Descriptors,
  sentFiles: Set<string>,
): ReflectionAnswer {
  switch (request.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: serviceNames.map((name) => ({ name })) } };
    case "fileByFilename":
      return answerFile(files.get(request.value), { what: `file "${request.value}"`, sentFiles });
    case "fileContainingSymbol": {
      const file = findSymbol(types, request.value);
      return answerFile(file, { what: `symbol "${request.value}"`, sentFiles });
    }
    case "fileContainingExtension":
      return refuse(Code.NotFound, `"${request.value.containingType}" has no extensions here`);
    case "allExtensionNumbersOfType":
      if (types.getMessage(request.value) === undefined) {
        return refuse(Code.NotFound, `message "${request.value}" is not known here`);
      }
      return {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: request.value, extensionNumber: [] },
      };
    case undefined:
      return refuse(Code.InvalidArgument, "the request asks nothing; set one field of message_request");
  }
}

/** The file that declares a service, a message, an enum, or a method or field of one. */
function findSymbol(types: Registry, symbol: string): DescFile | undefined {
  const found = types.get(symbol);
  if (found !== undefined) return found.file;
  const dot = symbol.lastIndexOf(".");
  const parent = dot === -1 ? undefined : types.get(symbol.slice(0, dot));
  const member = symbol.slice(dot + 1);
  if (parent?.kind === "service") return parent.methods.some(({ name }) => name === member) ? parent.file : undefined;
  if (parent?.kind === "message") return parent.members.some(({ name }) => name === member) ? parent.file : undefined;
  return undefined;
}

function answerFile(
  file: DescFile | undefined,
  { what, sentFiles }: { what: string; sentFiles: Set<string> },
): ReflectionAnswer {
  if (file === undefined) return refuse(Code.NotFound, `${what} is not known here`);
  const files = new Map<string, DescFile>();
  addWithImports(file, files);
  const fileDescriptorProto: Uint8Array[] = [];
  for (const [name, { proto }] of [...files].reverse()) {
    // The file that was asked for is always sent: clients would take an empty answer for an error.
    if (sentFiles.has(name) && name !== file.proto.name) continue;
    sentFiles.add(name);
    fileDescriptorProto.push(toBinary(FileDescriptorProtoSchema, proto));
  }
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function refuse(code: Code, message: string): ReflectionAnswer {
  return { case: "errorResponse", value: { errorCode: code, errorMessage: message } };
}
