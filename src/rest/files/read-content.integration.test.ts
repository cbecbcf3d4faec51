import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:http";
import { connect } from "node:http2";
import { get as getByTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { createTlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";

const CONTENT = seededBytes(9 * 2 ** 20 + 12_345, 3);
const RANGE = { offset: 2 ** 20 + 7, end: 7 * 2 ** 20 + 3 };
const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
const MEDIA_PATH = "/v1/namespaces/default/files/large.bin?alt=media&redirect=false";
const toRange = ({ offset, end }: typeof RANGE) => ({ range: `bytes=${offset}-${end - 1}` });

/** Memory of bytes is given back once they are sent: what a caller gets must be the file all the same, at whatever pace it comes. */
for (const [name, isTls] of [
  ["in plaintext", false],
  ["over TLS", true],
] as const)
  describe(`The bytes of a large file, ${name}`, () => {
    let service: RunningService;
    let directory: string | undefined;
    let ca: string | undefined;

    before(async function () {
      const settings: Record<string, string> = {};
      if (isTls) {
        const certificate = await createTlsCertificate();
        if (certificate === undefined) this.skip();
        ca = certificate.cert;
        directory = await mkdtemp(join(tmpdir(), "sluice-read-"));
        for (const part of ["cert", "key"] as const) {
          settings[`SLUICE_TLS_${part.toUpperCase()}`] = join(directory, part);
          await writeFile(join(directory, part), certificate[part], { mode: 0o600 });
        }
      }
      service = await startService({ settings });
      const stream = openSession().request({ ":method": "PUT", ":path": MEDIA_PATH.split("?")[0], ...headers });
      stream.end(CONTENT);
      const [answer] = await once(stream.resume(), "response");
      expect(answer[":status"]).to.equal(201);
    });
    after(async () => {
      for (const session of sessions.splice(0)) session.destroy();
      await service?.stop();
      if (directory !== undefined) await rm(directory, { recursive: true });
    });

    const sessions: ReturnType<typeof connect>[] = [];
    function openSession() {
      const session = connect(service.url, ca === undefined ? {} : { ca });
      sessions.push(session);
      return session;
    }

    /** Takes a piece each few turns, as a slow caller does, or as they come. */
    async function readAll(stream: Readable, isSlow: boolean): Promise<Buffer> {
      const pieces: Buffer[] = [];
      for await (const piece of stream) {
        pieces.push(piece as Buffer);
        for (let turn = 0; isSlow && turn < 3; turn++) await nextTurn();
      }
      return Buffer.concat(pieces);
    }

    async function getByHttp1(extra: object): Promise<IncomingMessage> {
      const url = `${service.url}${MEDIA_PATH}`;
      const options = { headers: { ...headers, ...extra }, agent: false };
      const asked = ca === undefined ? get(url, options) : getByTls(url, { ...options, ca });
      return (await once(asked, "response"))[0] as IncomingMessage;
    }

    async function readFile(transport: typeof createGrpcTransport | typeof createConnectTransport): Promise<Buffer> {
      const nodeOptions = ca === undefined ? {} : { ca };
      const client = createClient(
        FileQueryService,
        transport({ baseUrl: service.url, httpVersion: "2", nodeOptions } as never),
      );
      const pieces: Uint8Array[] = [];
      const asked = { namespace: "default", path: "large.bin" };
      for await (const { message } of client.readFile(asked, { headers }))
        if (message.case === "chunk") pieces.push(message.value.data);
      return Buffer.concat(pieces);
    }

    for (const isSlow of [false, true]) {
      const pace = isSlow ? "slowly" : "at once";
      it(`are right by GET over HTTP/1.1, ${pace}`, async () => {
        expect((await readAll(await getByHttp1({}), isSlow)).equals(CONTENT)).to.equal(true);
        const range = await readAll(await getByHttp1(toRange(RANGE)), isSlow);
        expect(range.equals(CONTENT.subarray(RANGE.offset, RANGE.end))).to.equal(true);
      });

      it(`are right by GET over HTTP/2, by three callers, ${pace}`, async () => {
        const session = openSession();
        const read = () => readAll(session.request({ ":path": MEDIA_PATH, ...headers }), isSlow);
        const all = await Promise.all([read(), read(), read()]);
        expect(all.map((bytes) => bytes.equals(CONTENT))).to.deep.equal([true, true, true]);
      });
    }

    it("are right by ReadFile over gRPC and Connect, by three callers", async () => {
      const all = await Promise.all([createGrpcTransport, createGrpcTransport, createConnectTransport].map(readFile));
      expect(all.map((bytes) => bytes.equals(CONTENT))).to.deep.equal([true, true, true]);
    });
  });
