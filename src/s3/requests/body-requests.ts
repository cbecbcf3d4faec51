import type { IncomingMessage } from "node:http";
import { HeadBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Connections } from "./connections.ts";
import { inRequestSpan } from "./request-span.ts";
import { fromBase64Crc32, type StreamedBody } from "./streamed-body.ts";

/** The address of a bucket, from the SDK's endpoint rules. */
interface BucketAddress {
  protocol: string;
  hostname: string;
  port: number | undefined;
  /** The path before the key: "/" or "/bucket/". */
  pathPrefix: string;
}

/** S3's answer to a body that it took. */
export interface PutAnswer {
  etag: string;
  /** Empty when the bucket keeps no versions. */
  versionId: string;
  /** The CRC32 that S3 states for the bytes that it has; undefined when it states none. */
  crc32: number | undefined;
}

/** A refusal of S3, in the SDK's shape, so that one classification serves both. */
export class S3ResponseError extends Error {
  readonly $metadata: { httpStatusCode: number };

  constructor(name: string, httpStatusCode: number) {
    super(`S3 answered ${httpStatusCode} ${name}`);
    this.name = name;
    this.$metadata = { httpStatusCode };
  }
}

/** Addresses of buckets that are kept. One that is dropped costs a computation, and no request. */
const ADDRESSES_MAX = 1024;
/** Longest error document that is read, in bytes. */
const ERROR_BODY_MAX_BYTES = 65_536;

/**
 * PUT requests whose bodies are pushed. They are signed here, with the SDK's signer, credentials and endpoint rules but
 * without its middleware: it costs half a millisecond of CPU a request, a tenth of the whole cost of a part of 8 MiB
 * (measured), and would do nothing for a body that it cannot see.
 */
export class BodyRequests {
  readonly #client: S3Client;
  readonly #connections: Connections;
  readonly #signer: SignatureV4;
  readonly #addresses = new Map<string, Promise<BucketAddress>>();

  constructor(client: S3Client, connections: Connections) {
    this.#client = client;
    this.#connections = connections;
    this.#signer = new SignatureV4({
      service: "s3",
      region: client.config.region,
      credentials: client.config.credentials,
      sha256: client.config.sha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
  }

  /** Puts a body. Rejects with S3ResponseError or the network's error. */
  async put(
    target: {
      bucket: string;
      key: string;
      query: Readonly<Record<string, string>>;
      headers: Readonly<Record<string, string>>;
    },
    body: StreamedBody,
    signal: AbortSignal,
  ): Promise<PutAnswer> {
    const partNumber = target.query.partNumber;
    const operation = partNumber === undefined ? "PutObject" : "UploadPart";
    return await inRequestSpan(operation, { bucket: target.bucket, partNumber }, () => this.#put(target, body, signal));
  }

  async #put(target: Parameters<BodyRequests["put"]>[0], body: StreamedBody, signal: AbortSignal): Promise<PutAnswer> {
    const { protocol, hostname, port, pathPrefix } = await this.#addressOf(target.bucket);
    const path = pathPrefix + target.key.split("/").map(escapeUri).join("/");
    const { query } = target;
    const host = port === undefined ? hostname : `${hostname}:${port}`;
    const headers = { host, ...target.headers, ...body.toHeaders() };
    const unsigned = {
      method: "PUT",
      protocol,
      hostname,
      path,
      query: { ...query },
      headers,
      ...(port !== undefined && { port }),
    };
    const { clock } = this.#connections;
    const signed = await this.#signer.sign(unsigned, { signingDate: clock.now() });
    const search = Object.entries(query).map(([name, value]) => `${escapeUri(name)}=${escapeUri(value)}`);
    const request = {
      protocol,
      hostname,
      port,
      method: "PUT",
      path: search.length === 0 ? path : `${path}?${search.join("&")}`,
      headers: signed.headers,
    };
    return await this.#read(await this.#connections.push(request, body, signal));
  }

  async #read(response: IncomingMessage): Promise<PutAnswer> {
    const { statusCode = 0, headers } = response;
    if (statusCode >= 200 && statusCode < 300) {
      response.resume();
      const { etag, "x-amz-version-id": versionId, "x-amz-checksum-crc32": checksum } = headers;
      if (etag === undefined) throw new S3ResponseError("MissingETag", statusCode);
      return {
        etag: etag.replace(/^"(.*)"$/, "$1"),
        versionId: typeof versionId === "string" ? versionId : "",
        crc32: typeof checksum === "string" ? fromBase64Crc32(checksum) : undefined,
      };
    }
    const name = /<Code>([A-Za-z0-9.]+)<\/Code>/.exec(await readText(response))?.[1] ?? "UnknownError";
    if (name === "RequestTimeTooSkewed") this.#connections.clock.begin()(headers.date);
    throw new S3ResponseError(name, statusCode);
  }

  #addressOf(bucket: string): Promise<BucketAddress> {
    let address = this.#addresses.get(bucket);
    if (address === undefined) {
      address = this.#resolve(bucket);
      this.#addresses.set(bucket, address);
      const [oldest] = this.#addresses.keys();
      if (this.#addresses.size > ADDRESSES_MAX && oldest !== undefined) this.#addresses.delete(oldest);
      address.catch(() => this.#addresses.delete(bucket));
    }
    return address;
  }

  /** Lets the SDK prepare a request to the bucket, and takes the request's address instead of sending it. */
  async #resolve(bucket: string): Promise<BucketAddress> {
    let found: BucketAddress | undefined;
    const command = new HeadBucketCommand({ Bucket: bucket });
    command.middlewareStack.add(
      () => async (args) => {
        const { protocol, hostname, port, path } = args.request as BucketAddress & { path: string };
        found = { protocol, hostname, port, pathPrefix: path.endsWith("/") ? path : `${path}/` };
        return { response: undefined, output: { $metadata: {} } };
      },
      { step: "finalizeRequest", priority: "low", name: "sluiceAddress" },
    );
    await this.#client.send(command);
    if (found === undefined) throw new Error(`the SDK prepared no request for bucket ${bucket}`);
    return found;
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let lengthBytes = 0;
  for await (const piece of response) {
    lengthBytes += piece.length;
    if (lengthBytes <= ERROR_BODY_MAX_BYTES) pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** Escapes as RFC 3986 says, which the signature expects. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
