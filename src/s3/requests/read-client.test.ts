import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { Connections } from "./connections.ts";
import { createReadClient } from "./read-client.ts";

const LIMITS = {
  requestsMax: { body: 1, control: 1, read: 1, copy: 1, probe: 1 },
  connectTimeoutMs: 5000,
  socketTimeoutMs: 5000,
  tlsMin: "TLSv1.3" as const,
};
const ROLE = "arn:aws:iam::111122223333:role/my-files-read";

describe("createReadClient", () => {
  let sts: Server;
  let connections: Connections;
  let before: NodeJS.ProcessEnv;
  /** Seconds that sessions last, or the status with which STS refuses. */
  let answer: { lastsSeconds: number } | { status: number };
  let asked: URLSearchParams[];

  beforeEach(async () => {
    asked = [];
    before = { ...process.env };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "OWN", AWS_SECRET_ACCESS_KEY: "secret" });
    connections = new Connections(LIMITS);
    sts = createServer(async (request, response) => {
      let body = "";
      for await (const text of request.setEncoding("utf8")) body += text;
      asked.push(new URLSearchParams(body));
      response.writeHead("status" in answer ? answer.status : 200, { "content-type": "text/xml" });
      response.end("status" in answer ? REFUSAL : toSession(asked.length, answer.lastsSeconds));
    });
    await new Promise<void>((resolve) => sts.listen(0, "127.0.0.1", resolve));
  });

  afterEach(async () => {
    process.env = before;
    connections.destroy();
    await new Promise((resolve) => sts.close(resolve));
  });

  function create(lifetimeMinMs = 900_000) {
    const stsEndpoint = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`;
    const place = { region: "eu-central-1", endpoint: undefined, forcePathStyle: false };
    const client = createReadClient({ ...place, readRole: { roleArn: ROLE, lifetimeMinMs, stsEndpoint } }, connections);
    if (client === undefined) throw new Error("there is no client for the role");
    return async () => {
      const command = new GetObjectCommand({ Bucket: "my-files", Key: "files/a" });
      const url = new URL(await getSignedUrl(client, command, { expiresIn: 900 }));
      expect(url.searchParams.get("X-Amz-Security-Token")).to.equal("token");
      return url.searchParams.get("X-Amz-Credential")?.split("/")[0];
    };
  }

  it("is none where no role is named", () => {
    expect(
      createReadClient({ region: "eu-central-1", endpoint: undefined, forcePathStyle: false }, connections),
    ).to.equal(undefined);
  });

  it("signs with the role, which is asked for once while its session lasts", async () => {
    answer = { lastsSeconds: 3600 };
    const sign = create();
    expect([await sign(), await sign()]).to.deep.equal(["ROLE1", "ROLE1"]);
    expect(Object.fromEntries(asked[0] ?? [])).to.include({
      Action: "AssumeRole",
      RoleArn: ROLE,
      DurationSeconds: "3600",
    });
  });

  it("takes a new session before the old one could end a URL early", async () => {
    answer = { lastsSeconds: 1000 };
    const sign = create();
    await sign();
    // 1000 s are enough for a URL of 900 s, but not for the five minutes that the SDK needs for renewal.
    expect(await sign()).to.not.equal("ROLE1");
  });

  it("says that storage is not to be had when STS refuses", async () => {
    answer = { status: 403 };
    const error = await create()().catch((thrown) => thrown);
    expect(error).to.be.instanceOf(DomainError);
    expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
    expect(error.message).to.include(ROLE);
  });
});

const REFUSAL =
  "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";

function toSession(at: number, lastsSeconds: number): string {
  const expiration = fromNow(lastsSeconds * 1000).toISOString();
  return (
    `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE${at}</AccessKeyId>` +
    `<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${expiration}</Expiration>` +
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
  );
}
