import { randomUUID } from "node:crypto";
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { AuditService } from "../../../../gen/sluice/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../../../gen/sluice/v1/configuration_service_pb.ts";
import { EventService } from "../../../../gen/sluice/v1/event_service_pb.ts";
import { FileCommandService } from "../../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../../gen/sluice/v1/file_query_service_pb.ts";
import { JobService } from "../../../../gen/sluice/v1/job_service_pb.ts";
import { NamespaceService } from "../../../../gen/sluice/v1/namespace_service_pb.ts";
import { PrivacyService } from "../../../../gen/sluice/v1/privacy_service_pb.ts";
import { UploadService } from "../../../../gen/sluice/v1/upload_service_pb.ts";
import { createSluiceClient, type SluiceClient } from "../../../client/client.ts";
import { ERROR_MESSAGE_MAX } from "../../../rpc/calls/errors.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "./running-service.ts";

/** Texts that would do harm if they were taken for SQL, a header, a pattern, a path of the system or a terminal. */
export const HOSTILE = [
  "'; DROP TABLE file; --",
  '" OR 1=1 --',
  "$1",
  "a\r\nx-evil: 1",
  "a\u0000b",
  "%",
  "_",
  "\\",
  "(a+)+$",
  "../../etc/passwd",
  "\u{1f600}\u202e\u05e9\u05dc\u05d5\u05dd",
  "\u001b[2J",
  // Names that every JavaScript object has from its prototype.
  ...["__proto__", "constructor", "metadata.constructor", "labels.toString"],
  "x".repeat(20_000),
];

const SERVICES = [
  UploadService,
  FileQueryService,
  FileCommandService,
  NamespaceService,
  EventService,
  AuditService,
  PrivacyService,
  JobService,
  ConfigurationService,
];
const UNEXPECTED = [Code.Internal, Code.Unknown, Code.Unavailable, Code.DataLoss, Code.DeadlineExceeded];
const DEPTH_MAX = 2;

/** The place of a string in a request: the fields that lead to it. */
type StringPath = readonly [DescField, ...DescField[]];
type Method = DescMethodUnary | DescMethodStreaming;

/**
 * Declares the tests of hostile text in every string of every request: so many texts a string, of which strings that follow
 * one another take different ones.
 */
export function hostileStrings(textsPerString: number): void {
  describe("Hostile text in every string of every request", () => {
    let service: RunningService;
    let client: SluiceClient;
    let transport: Transport;
    let next = 0;
    before(async () => {
      service = await startService();
      client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
      transport = createGrpcTransport({ baseUrl: service.url });
      await client.upload(Buffer.from("kept"), "kept.txt");
    });
    after(async () => {
      client?.close();
      await service?.stop();
    });
    afterEach(async () => {
      expect(service.errorsLogged.splice(0)).to.deep.equal([]);
      expect(await client.getFile("kept.txt")).to.include({ sizeBytes: 4n });
    });

    for (const method of SERVICES.flatMap((one): readonly Method[] => one.methods)) {
      // One message alone does not call WriteUpload; its own tests send it wrong values.
      if (method.methodKind === "bidi_streaming") continue;
      const paths = listStrings(method.input);
      it(`is text, or refused, to ${method.name}: ${paths.map(toName).join(", ")}`, async () => {
        expect(paths).to.not.be.empty;
        const path = `files/${method.name}`;
        await client.upload(Buffer.from("bytes"), path);
        await Promise.all(
          paths.map(async (place) => {
            for (let nth = 0; nth < textsPerString; nth++) {
              const text = HOSTILE[next++ % HOSTILE.length] as string;
              const request = toRequest(method.input, path);
              plant(request, place, text);
              const error = await send(method, request);
              const what = `${toName(place)} = ${JSON.stringify(text.slice(0, 30))}: ${error?.message}`;
              expect(UNEXPECTED, what).to.not.include(error?.code);
              expect(error?.metadata.get("x-evil") ?? null, what).to.equal(null);
              expect((error?.rawMessage ?? "").length, what).to.be.at.most(ERROR_MESSAGE_MAX);
            }
          }),
        );
      });
    }

    /** The error that the call fails with; undefined when it succeeds. */
    async function send(method: Method, request: Message): Promise<ConnectError | undefined> {
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      try {
        if (method.methodKind === "unary") await transport.unary(method, undefined, 20_000, headers, request);
        else {
          const input = (async function* () {
            yield request;
          })();
          // A watch of events has no end.
          const isEndless = method.name === "WatchEvents";
          for await (const _ of (await transport.stream(method, undefined, 20_000, headers, input)).message)
            if (isEndless) break;
        }
        return undefined;
      } catch (error) {
        return ConnectError.from(error);
      }
    }
  });
}

/** All strings of a message: those of inner messages, of lists, and both sides of maps. */
function listStrings(message: DescMessage, depth = 0): StringPath[] {
  return message.fields.flatMap((field): StringPath[] => {
    const isScalar = field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar");
    if (isScalar && field.scalar === ScalarType.STRING) return [[field]];
    if (field.fieldKind === "map") return [[field]];
    const isBelow = field.fieldKind === "message" || (field.fieldKind === "list" && field.listKind === "message");
    if (!isBelow || field.message === undefined || depth === DEPTH_MAX) return [];
    return listStrings(field.message, depth + 1).map((rest): StringPath => [field, ...rest]);
  });
}

type Values = Message & Record<string, unknown>;

/** A request that is correct except for the text that is planted in it. */
function toRequest(input: DescMessage, path: string): Values {
  const name = { namespace: "default", path };
  const values: Record<string, unknown> = {
    ...name,
    requestId: randomUUID(),
    targetPath: `${path}/target`,
    file: name,
    filter: 'path = "none"',
    uploadId: randomUUID(),
    linkId: randomUUID(),
  };
  const isResource = input.fields.some(({ name, message }) => name === "namespace" && message !== undefined);
  if (isResource) values.namespace = { name: "default", bucket: "bucket", region: "eu-central-1" };
  const known = input.fields.filter(({ localName }) => localName in values).map(({ localName }) => localName);
  return create(input, Object.fromEntries(known.map((one) => [one, values[one]]))) as Values;
}

function plant(message: Values, [field, next, ...more]: StringPath, text: string): void {
  const isList = field.fieldKind === "list";
  if (field.fieldKind === "map") {
    message[field.localName] = { [text]: text, name: text };
  } else if (next === undefined) {
    set(message, field, isList ? [text] : text);
  } else if (field.message !== undefined) {
    const inner = (isList ? undefined : message[field.localName]) ?? create(field.message);
    plant(inner as Values, [next, ...more], text);
    set(message, field, isList ? [inner] : inner);
  }
}

function set(message: Values, field: DescField, value: unknown): void {
  if (field.oneof === undefined) message[field.localName] = value;
  else message[field.oneof.localName] = { case: field.localName, value };
}

function toName(path: StringPath): string {
  return path.map(({ name }) => name).join(".");
}
