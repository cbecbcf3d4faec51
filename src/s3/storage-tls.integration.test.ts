import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import tls, { type SecureVersion, type TLSSocket } from "node:tls";
import { expect } from "chai";
import { expectRefusal } from "../testing/rigs/database/repository-subject.ts";
import { putObject } from "../testing/rigs/storage/object-store-subject.ts";
import { createTestAccess } from "../testing/rigs/storage/s3-subject.ts";
import { createTlsCertificate, type TlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { createObjectStore } from "./object-store.ts";
import type { ConnectionLimits } from "./requests/connections.ts";

describe("TLS to storage", () => {
  let authority: TlsCertificate;
  let certificate: TlsCertificate;
  let misnamed: TlsCertificate;
  let stranger: TlsCertificate;
  let known: string[];
  before(async function () {
    const made = await createTlsCertificate();
    if (made === undefined) return this.skip();
    authority = made;
    certificate = (await createTlsCertificate({ issuer: authority })) as TlsCertificate;
    misnamed = (await createTlsCertificate({ issuer: authority, names: "DNS:s3.example.com" })) as TlsCertificate;
    stranger = (await createTlsCertificate()) as TlsCertificate;
    // This is what NODE_EXTRA_CA_CERTS does before a process starts.
    known = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...known, authority.cert]);
  });
  after(() => known && tls.setDefaultCACertificates(known));

  let server: Server;
  let ends: (() => void)[] = [];
  /** The protocols of the requests that the server has got. */
  let seen: (string | null)[];
  afterEach(async () => {
    for (const end of ends) end();
    ends = [];
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  /** A store at a server that answers each request with 404, and knows no version of TLS above this. */
  async function open(
    own: TlsCertificate,
    { maxVersion = "TLSv1.3", tlsMin }: { maxVersion?: SecureVersion } & Partial<ConnectionLimits>,
  ) {
    seen = [];
    server = createServer({ ...own, maxVersion, minVersion: "TLSv1.2" }, (request, response) => {
      seen.push((request.socket as TLSSocket).getProtocol());
      request.resume().on("end", () => response.writeHead(404).end());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const endpoint = {
      url: `https://127.0.0.1:${port}`,
      region: "eu-central-1",
      accessKeyId: "a",
      secretAccessKey: "s",
    };
    const { at, close } = createTestAccess(endpoint, { limits: tlsMin === undefined ? {} : { tlsMin } });
    ends.push(close);
    const store = createObjectStore(at);
    /** The two ways to storage: a request of the SDK, and one whose body is pushed. */
    const ways = {
      head: () => store.head("bucket", "key"),
      put: () => putObject({ store, bucket: "bucket" }, Buffer.from("hello")),
    };
    return ways;
  }

  it("is of version 1.3", async () => {
    const { head } = await open(certificate, {});
    expect(await head()).to.equal(undefined);
    expect(seen).to.deep.equal(["TLSv1.3"]);
  });

  it("takes version 1.2 where the configuration does", async () => {
    const { head } = await open(certificate, { maxVersion: "TLSv1.2", tlsMin: "TLSv1.2" });
    expect(await head()).to.equal(undefined);
    expect(seen).to.deep.equal(["TLSv1.2"]);
  });

  const cases: [string, () => ReturnType<typeof open>, RegExp][] = [
    [
      "no TLS 1.3",
      () => open(certificate, { maxVersion: "TLSv1.2" }),
      /set SLUICE_S3_TLS_MIN=1\.2 if storage has no TLS 1\.3/,
    ],
    ["an authority that Node does not know", () => open(stranger, {}), /is not trusted; .* NODE_EXTRA_CA_CERTS/],
    ["a certificate for other names", () => open(misnamed, {}), /a certificate for other names than its endpoint's/],
  ];
  for (const [what, start, sentence] of cases) {
    it(`refuses a server with ${what} on both ways, sends it nothing, and says what to do`, async () => {
      for (const way of Object.values(await start())) {
        const { message } = await expectRefusal(way(), "STORAGE_UNAVAILABLE");
        expect(message).to.match(sentence);
      }
      expect(seen).to.deep.equal([]);
    });
  }
});
