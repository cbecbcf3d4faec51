import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect } from "chai";
import { parseRequestTarget } from "../devstack/s3-server/protocol/request-target.ts";
import { verifySignature } from "../devstack/s3-server/protocol/sigv4.ts";
import { createSignedTransport } from "./signed-transport.ts";

const KEYS = { accessKeyId: "AKIDTEST", secretAccessKey: "secret/with+odd=characters", sessionToken: "session" };
const BODY = Buffer.from("a batch of spans");

describe("createSignedTransport", () => {
  let server: Server;
  let answer: { status: number; headers?: Record<string, string> };
  let refusals: unknown[];
  let service: "xray" | "logs";
  let extra: Record<string, string>;
  const send = (port = (server.address() as AddressInfo).port) => {
    const target = { url: `http://127.0.0.1:${port}/v1/batches`, service, region: "eu-central-1" };
    const headers = async () => ({ "content-type": "application/x-protobuf", ...extra });
    return createSignedTransport({ ...target, headers, credentials: async () => KEYS }).send(BODY, 5000);
  };
  beforeEach(async () => {
    answer = { status: 200 };
    refusals = [];
    [service, extra] = ["xray", {}];
    server = createServer(async (request, response) => {
      const body = await buffer(request);
      try {
        const { payloadHash } = verifySignature(request, parseRequestTarget(request.url ?? ""), {
          ...{ ...KEYS, region: "eu-central-1", service },
          ...{ servesRegion: () => true, regionOf: () => undefined, now: () => signedAt(request) },
        });
        expect(payloadHash).to.equal(createHash("sha256").update(body).digest("hex"));
        expect(request.headers).to.include({
          "content-type": "application/x-protobuf",
          "x-amz-security-token": KEYS.sessionToken,
          ...extra,
        });
        for (const name of Object.keys(extra)) expect(request.headers.authorization).to.include(name);
      } catch (error) {
        refusals.push(error);
      }
      response.writeHead(answer.status, answer.headers).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("signs a batch with its bytes", async () => {
    expect(await send()).to.include({ status: "success" });
    expect(refusals).to.deep.equal([]);
  });

  it("signs the group and the stream of lines of the log", async () => {
    service = "logs";
    extra = { "x-aws-log-group": "/sluice/service", "x-aws-log-stream": "production" };
    expect(await send()).to.include({ status: "success" });
    expect(refusals).to.deep.equal([]);
  });

  it("says which refusals may pass, and when", async () => {
    for (const [status, headers, expected] of [
      [503, { "retry-after": "2" }, { status: "retryable", retryInMillis: 2000 }],
      [429, {}, { status: "retryable" }],
      [400, {}, { status: "failure" }],
      [403, {}, { status: "failure" }],
    ] as const) {
      answer = { status, headers };
      expect(await send()).to.include(expected);
    }
  });

  it("lets a batch be sent again when nobody answers", async () => {
    // RFC 863: the port of a service that nobody runs.
    expect(await send(9)).to.include({ status: "retryable" });
  });
});

/** When a request says that it was signed, in milliseconds. */
function signedAt({ headers }: IncomingMessage): number {
  const [, day, time] = /^(\d{8})T(\d{6})Z$/.exec(String(headers["x-amz-date"])) ?? [];
  const pairs = [4, 6].map((at) => day?.slice(at, at + 2));
  return Date.parse(`${day?.slice(0, 4)}-${pairs.join("-")}T${time?.match(/../g)?.join(":")}Z`);
}
