// The S3 server every contender uploads into: answers like S3, keeps small objects, throws all other bytes away unread.
import * as http from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import { sinkBucket, sinkRegion } from "../sink-client.ts";
import { announceServer, parseServerArguments } from "./server-process.ts";

/** Objects up to this size are kept: tus keeps its state in one beside the upload. */
const keptBytesMax = 1024 * 1024;

const { tls } = parseServerArguments();
const zeroBlock = Buffer.alloc(256 * 1024);
const objects = new Map<string, { body: Buffer; sizeBytes: number; metadata: [string, string][] }>();
const uploads = new Map<string, Map<number, number>>();
let nextUploadId = 1;
let receivedBytes = 0;

process.on("message", () => process.send!({ receivedBytes }));

const server =
  tls === undefined ? http.createServer(serve) : https.createServer({ ...tls, minVersion: "TLSv1.3" }, serve);
announceServer(server, tls === undefined ? "http" : "https");

function serve(req: http.IncomingMessage, res: http.ServerResponse): void {
  const url = new URL(req.url!, "http://sink");
  // Asked for by every careful writer, and looked for in the answer.
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
      req.resume().on("end", () => (uploadId === null ? createUpload(res, url) : completeUpload(res, url, uploadId)));
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
  req.resume().on("end", () => {
    receivedBytes += contentLength(req);
    uploads.get(part.uploadId)?.set(part.partNumber, contentLength(req));
    res.writeHead(200, { etag: '"0"' }).end();
  });
}

function putObject(req: http.IncomingMessage, res: http.ServerResponse, path: string): void {
  const sizeBytes = contentLength(req);
  const pieces: Buffer[] = [];
  req.on("data", (piece: Buffer) => sizeBytes <= keptBytesMax && pieces.push(piece));
  req.on("end", () => {
    receivedBytes += sizeBytes;
    const raw = Buffer.concat(pieces);
    const chunked = req.headers["x-amz-decoded-content-length"] !== undefined;
    const metadata = Object.entries(req.headers).filter(([name]) => name.startsWith("x-amz-meta-"));
    objects.set(path, {
      body: chunked ? decodeChunks(raw) : raw,
      sizeBytes,
      metadata: metadata.map(([name, value]) => [name, String(value)]),
    });
    res.writeHead(200, { etag: '"0"' }).end();
  });
}

function getObject(req: http.IncomingMessage, res: http.ServerResponse, path: string): void {
  const object = objects.get(path);
  if (path === `/${sinkBucket}` || path === `/${sinkBucket}/`) {
    res.writeHead(200, { "x-amz-bucket-region": sinkRegion }).end();
    return;
  }
  if (object === undefined) {
    answerXml(res, "<Error><Code>NoSuchKey</Code></Error>", 404);
    return;
  }
  res.writeHead(200, { etag: '"0"', "content-length": object.sizeBytes, ...Object.fromEntries(object.metadata) });
  if (req.method === "HEAD") res.end();
  else if (object.body.length === object.sizeBytes) res.end(object.body);
  else Readable.from(zeros(object.sizeBytes)).pipe(res);
}

/** So many bytes: who asks for what was thrown away gets as many others. */
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

function completeUpload(res: http.ServerResponse, url: URL, uploadId: string): void {
  const sizes = uploads.get(uploadId);
  // Two lanes that end at once may both complete; the second must not replace the object by an empty one.
  if (sizes === undefined) {
    answerXml(res, "<Error><Code>NoSuchUpload</Code></Error>", 404);
    return;
  }
  uploads.delete(uploadId);
  const sizeBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  objects.set(url.pathname, { body: Buffer.alloc(0), sizeBytes, metadata: [] });
  answerXml(res, `<CompleteMultipartUploadResult><ETag>"0-1"</ETag></CompleteMultipartUploadResult>`);
}

function answerParts(res: http.ServerResponse, uploadId: string): void {
  const sizes = uploads.get(uploadId);
  if (sizes === undefined) {
    answerXml(res, "<Error><Code>NoSuchUpload</Code></Error>", 404);
    return;
  }
  const parts = [...sizes]
    .sort(([a], [b]) => a - b)
    .map(([number, size]) => `<Part><PartNumber>${number}</PartNumber><ETag>"0"</ETag><Size>${size}</Size></Part>`);
  answerXml(res, `<ListPartsResult><IsTruncated>false</IsTruncated>${parts.join("")}</ListPartsResult>`);
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
