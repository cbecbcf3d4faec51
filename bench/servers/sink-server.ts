// The S3 server that every contender uploads into: it answers like S3, keeps small objects, and throws all other bytes away
// unread.
import * as http from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import { sinkBucket, sinkRegion } from "../stage/sink-client.ts";
import { announceServer, parseServerArguments } from "./server-process.ts";

/** Objects up to this size are kept: tus keeps its state in an object beside the upload. */
const keptBytesMax = 1024 * 1024;
/** Bytes at the end of a body that hold its trailers: Sluice and the SDKs send one or two trailers. */
const trailerBytesMax = 256;

interface KeptObject {
  readonly body: Buffer;
  readonly sizeBytes: number;
  /** The CRC32 that the writer stated, in base64; undefined when it stated none. */
  readonly crc32: string | undefined;
  readonly metadata: readonly [string, string][];
}

const { tls } = parseServerArguments();
const zeroBlock = Buffer.alloc(256 * 1024);
const objects = new Map<string, KeptObject>();
const uploads = new Map<string, Map<number, { sizeBytes: number; crc32: string | undefined }>>();
let nextUploadId = 1;
let receivedBytes = 0;

process.on("message", () => process.send!({ receivedBytes }));

const server =
  tls === undefined ? http.createServer(serve) : https.createServer({ ...tls, minVersion: "TLSv1.3" }, serve);
announceServer(server, tls === undefined ? "http" : "https");

function serve(req: http.IncomingMessage, res: http.ServerResponse): void {
  const url = new URL(req.url!, "http://sink");
  // Careful writers ask for this encryption and check the answer for it.
  res.setHeader("x-amz-server-side-encryption", "AES256");
  const uploadId = url.searchParams.get("uploadId");
  switch (req.method) {
    case "PUT":
      if (uploadId === null) putObject(req, res, url.pathname);
      else putPart(req, res, { uploadId, partNumber: Number(url.searchParams.get("partNumber")) });
      break;
    case "GET":
    case "HEAD":
      if (uploadId === null) getObject(req, res, url.pathname);
      else answerParts(res, uploadId);
      break;
    case "POST":
      req
        .resume()
        .on("end", () => (uploadId === null ? createUpload(res, url) : completeUpload(req, res, { url, uploadId })));
      break;
    default:
      if (uploadId !== null) uploads.delete(uploadId);
      req.resume().on("end", () => res.writeHead(204).end());
  }
}

function putPart(
  req: http.IncomingMessage,
  res: http.ServerResponse,
  part: { uploadId: string; partNumber: number },
): void {
  const stated = listenForCrc32(req);
  req.resume().on("end", () => {
    const [sizeBytes, crc32] = [contentLength(req), stated()];
    receivedBytes += sizeBytes;
    uploads.get(part.uploadId)?.set(part.partNumber, { sizeBytes, crc32 });
    res.writeHead(200, { etag: '"0"', ...toChecksum(crc32) }).end();
  });
}

/**
 * The CRC32 that the request states for its body; it is known once the body has ended. The sink trusts it: the measurement of
 * an upload must not include the arithmetic of the other side.
 */
function listenForCrc32(req: http.IncomingMessage): () => string | undefined {
  let tail: Buffer = Buffer.alloc(0);
  req.on("data", (piece: Buffer) => {
    tail = piece.length < trailerBytesMax ? Buffer.concat([tail, piece]).subarray(-trailerBytesMax) : piece;
  });
  return () => {
    const header = req.headers["x-amz-checksum-crc32"];
    if (typeof header === "string") return header;
    return /x-amz-checksum-crc32:([A-Za-z0-9+/=]+)/.exec(tail.subarray(-trailerBytesMax).toString("latin1"))?.[1];
  };
}

function toChecksum(crc32: string | undefined): http.OutgoingHttpHeaders {
  return crc32 === undefined ? {} : { "x-amz-checksum-crc32": crc32, "x-amz-checksum-type": "FULL_OBJECT" };
}

function putObject(req: http.IncomingMessage, res: http.ServerResponse, path: string): void {
  const sizeBytes = contentLength(req);
  const stated = listenForCrc32(req);
  const pieces: Buffer[] = [];
  req.on("data", (piece: Buffer) => sizeBytes <= keptBytesMax && pieces.push(piece));
  req.on("end", () => {
    receivedBytes += sizeBytes;
    const raw = Buffer.concat(pieces);
    const chunked = req.headers["x-amz-decoded-content-length"] !== undefined;
    const metadata = Object.entries(req.headers).filter(([name]) => name.startsWith("x-amz-meta-"));
    const crc32 = stated();
    objects.set(path, {
      body: chunked ? decodeChunks(raw) : raw,
      sizeBytes,
      crc32,
      metadata: metadata.map(([name, value]) => [name, String(value)]),
    });
    res.writeHead(200, { etag: '"0"', ...toChecksum(crc32) }).end();
  });
}

function getObject(req: http.IncomingMessage, res: http.ServerResponse, path: string): void {
  const object = objects.get(path) ?? toZeros(path);
  if (path === `/${sinkBucket}` || path === `/${sinkBucket}/`) {
    res.writeHead(200, { "x-amz-bucket-region": sinkRegion }).end();
    return;
  }
  if (object === undefined) {
    answerXml(res, "<Error><Code>NoSuchKey</Code></Error>", 404);
    return;
  }
  const checksum = req.method === "HEAD" ? toChecksum(object.crc32) : {};
  const metadata = Object.fromEntries(object.metadata);
  const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? "");
  const [from, to] =
    range === null
      ? [0, object.sizeBytes]
      : [Number(range[1]), range[2] === "" ? object.sizeBytes : Number(range[2]) + 1];
  const told = range === null ? {} : { "content-range": `bytes ${from}-${to - 1}/${object.sizeBytes}` };
  const status = range === null ? 200 : 206;
  res.writeHead(status, { etag: '"0"', "content-length": to - from, ...told, ...checksum, ...metadata });
  if (req.method === "HEAD") res.end();
  else if (object.body.length === object.sizeBytes) res.end(object.body.subarray(from, to));
  else Readable.from(zeros(to - from)).pipe(res);
}

/** `/bench/zeros-N` has N bytes without having been written. */
function toZeros(path: string): KeptObject | undefined {
  const sizeBytes = /\/zeros-(\d+)$/.exec(path)?.[1];
  if (sizeBytes === undefined) return undefined;
  return { body: Buffer.alloc(0), sizeBytes: Number(sizeBytes), crc32: undefined, metadata: [] };
}

/** Zeros in place of content that was thrown away: as many bytes as the reader asked for. */
function* zeros(sizeBytes: number): Generator<Buffer> {
  for (let rest = sizeBytes; rest > 0; rest -= zeroBlock.length) yield zeroBlock.subarray(0, rest);
}

function createUpload(res: http.ServerResponse, url: URL): void {
  const uploadId = String(nextUploadId++);
  uploads.set(uploadId, new Map());
  const [, bucket, ...key] = url.pathname.split("/");
  const fields = `<Bucket>${bucket}</Bucket><Key>${key.join("/")}</Key><UploadId>${uploadId}</UploadId>`;
  answerXml(res, `<InitiateMultipartUploadResult>${fields}</InitiateMultipartUploadResult>`);
}

function completeUpload(
  req: http.IncomingMessage,
  res: http.ServerResponse,
  { url, uploadId }: { url: URL; uploadId: string },
): void {
  const sizes = uploads.get(uploadId);
  // Two lanes that end at once may both complete; the second must not replace the object with an empty one.
  if (sizes === undefined) {
    answerXml(res, "<Error><Code>NoSuchUpload</Code></Error>", 404);
    return;
  }
  uploads.delete(uploadId);
  const sizeBytes = [...sizes.values()].reduce((sum, part) => sum + part.sizeBytes, 0);
  const stated = req.headers["x-amz-checksum-crc32"];
  const crc32 = typeof stated === "string" ? stated : undefined;
  objects.set(url.pathname, { body: Buffer.alloc(0), sizeBytes, crc32, metadata: [] });
  const checksum = crc32 === undefined ? "" : `${checksumElement(crc32)}<ChecksumType>FULL_OBJECT</ChecksumType>`;
  answerXml(res, `<CompleteMultipartUploadResult><ETag>"0-1"</ETag>${checksum}</CompleteMultipartUploadResult>`);
}

function answerParts(res: http.ServerResponse, uploadId: string): void {
  const sizes = uploads.get(uploadId);
  if (sizes === undefined) {
    answerXml(res, "<Error><Code>NoSuchUpload</Code></Error>", 404);
    return;
  }
  const parts = [...sizes]
    .sort(([a], [b]) => a - b)
    .map(([number, { sizeBytes, crc32 }]) => {
      const fields = `<PartNumber>${number}</PartNumber><ETag>"0"</ETag><Size>${sizeBytes}</Size>`;
      return `<Part>${fields}${crc32 === undefined ? "" : checksumElement(crc32)}</Part>`;
    });
  answerXml(res, `<ListPartsResult><IsTruncated>false</IsTruncated>${parts.join("")}</ListPartsResult>`);
}

function checksumElement(crc32: string): string {
  return `<ChecksumCRC32>${crc32}</ChecksumCRC32>`;
}

function answerXml(res: http.ServerResponse, xml: string, status = 200): void {
  res.writeHead(status, { "content-type": "application/xml" }).end(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
}

function contentLength({ headers }: http.IncomingMessage): number {
  return Number(headers["x-amz-decoded-content-length"] ?? headers["content-length"] ?? 0);
}

/** The content of an aws-chunked body: `<hex size>[;…]\r\n<bytes>\r\n` until a chunk of size 0. */
function decodeChunks(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.subarray(at, lineEnd).toString(), 16);
    if (!(size > 0)) return Buffer.concat(pieces);
    pieces.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
