import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import { type DevS3Server, type DevS3ServerOptions, startDevS3Server } from "./dev-s3-server.ts";

/** A request by hand, for requests that no SDK would send. */
export interface RawRequest {
  readonly method: string;
  /** Percent-encoded, with the query. */
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** Signs with another secret, or not at all. */
  readonly secret?: string | undefined;
  readonly unsigned?: boolean;
  /** When the signature says it was made. */
  readonly signedAt?: Date;
  /** Sent, but changed after signing. */
  readonly tampered?: Record<string, string>;
}

/** The answer. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The `<Code>` of an error document. */
  readonly code: string | undefined;
}

/** A server in a temporary directory with an SDK client that does not retry, for tests of this room. */
export class TestRig {
  static readonly accessKeyId = "AKIDTEST";
  static readonly secretAccessKey = "secret/with+odd=characters";
  static readonly bucket = "bucket";
  readonly directory: string;
  readonly server: DevS3Server;
  readonly client: S3Client;

  private constructor(directory: string, server: DevS3Server) {
    this.directory = directory;
    this.server = server;
    this.client = new S3Client({
      endpoint: server.url,
      region: "eu-central-1",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: TestRig.accessKeyId, secretAccessKey: TestRig.secretAccessKey },
    });
  }

  /** Starts a server; with `directory` on what an earlier one left. */
  static async start(options: Partial<DevS3ServerOptions> = {}): Promise<TestRig> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "sluice-s3-")));
    const server = await startDevS3Server({
      directory,
      accessKeyId: TestRig.accessKeyId,
      secretAccessKey: TestRig.secretAccessKey,
      region: "eu-central-1",
      buckets: [TestRig.bucket],
      ...options,
    });
    return new TestRig(directory, server);
  }

  /** Stops the server; what is stored is kept for another. */
  async stop(): Promise<void> {
    this.client.destroy();
    await this.server.close();
  }

  /** Stops the server and removes what it stored. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Sends a signed request by hand and reads the whole answer. */
  async send(raw: RawRequest): Promise<RawAnswer> {
    const headers = raw.unsigned ? { ...raw.headers } : await this.sign(raw);
    const request = httpRequest({
      host: "127.0.0.1",
      port: this.server.port,
      method: raw.method,
      path: raw.path,
      agent: false,
      headers: { ...headers, ...raw.tampered },
    });
    request.end(raw.body);
    const [response] = await once(request, "response");
    let text = "";
    for await (const piece of response.setEncoding("utf8")) text += piece;
    return { status: response.statusCode, headers: response.headers, text, code: /<Code>(\w+)</.exec(text)?.[1] };
  }

  /** The headers of a request, signed with whatever payload hash they name, else `UNSIGNED-PAYLOAD`. */
  async sign({ method, path, headers = {}, body = "", secret, signedAt }: RawRequest): Promise<Record<string, string>> {
    const [pathname = "", query = ""] = path.split("?", 2);
    const signer = new SignatureV4({
      credentials: { accessKeyId: TestRig.accessKeyId, secretAccessKey: secret ?? TestRig.secretAccessKey },
      region: "eu-central-1",
      service: "s3",
      sha256: NodeSha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
    const signed = await signer.sign(
      {
        method,
        protocol: "http:",
        hostname: "127.0.0.1",
        path: pathname,
        query: Object.fromEntries(new URLSearchParams(query)),
        headers: {
          host: `127.0.0.1:${this.server.port}`,
          "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
          ...(body.length > 0 && { "content-length": String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      { signingDate: signedAt ?? new Date() },
    );
    return signed.headers;
  }
}

/** The error code of a promise that an SDK client rejects, or `none`. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "none",
    (error: { name?: string; Code?: string }) => error.Code ?? error.name ?? "unknown",
  );
}

/** An aws-chunked body of the given chunks with a CRC32 trailer. */
export function awsChunked(chunks: readonly Buffer[], crc32: string): Buffer {
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...framed, Buffer.from(`0\r\nx-amz-checksum-crc32:${crc32}\r\n\r\n`)]);
}

class NodeSha256 {
  readonly #hash;

  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as Uint8Array | string);
  }

  update(bytes: Uint8Array | string): void {
    this.#hash.update(bytes);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}
