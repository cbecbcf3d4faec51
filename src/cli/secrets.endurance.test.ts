import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Client } from "pg";
import { createIamTokenSource } from "../client/iam-token.ts";
import { type DevStsServer, startDevSts } from "../devstack/sts-server.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { type OidcIssuer, startOidcIssuer } from "../testing/rigs/callers/oidc-issuer.ts";
import { createTestDatabase } from "../testing/rigs/database/postgres.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { createTlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE } from "../testing/samples/sample-sts-identities.ts";
import { testedBlock } from "../testing/structure/pages.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

const TOKEN_KEY = Buffer.from("an upload token's key of 32 bytes").toString("base64");
const DATABASE_PASSWORD = "database-hunter2-0190a3b4";

/** The URL of the database for a user of its own, who has that password. */
async function withPassword(url: string, password: string): Promise<string> {
  const own = new URL(url);
  own.username = `${own.pathname.slice(1)}_owner`;
  own.password = password;
  await execute(url, `CREATE ROLE ${own.username} SUPERUSER LOGIN PASSWORD '${password}'`);
  return own.href;
}

async function dropUser(url: string, name: string): Promise<void> {
  const server = new URL(url);
  server.pathname = "/postgres";
  await execute(server.href, `DROP ROLE ${name}`);
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

describe("a service in production, with an issuer", () => {
  let directory: string;
  let issuer: OidcIssuer;
  let s3: DevS3;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let service: ServiceProcess;
  let sts: DevStsServer;
  let authority: string;
  let databaseUrl: string | undefined;
  /** All that the service's callers printed, but for what they are there to print. */
  let printed = "";

  before(async function () {
    const tls = await createTlsCertificate();
    if (tls === undefined) return this.skip();
    directory = await mkdtemp(join(tmpdir(), "sluice-secrets-"));
    authority = join(directory, "authority.pem");
    await writeFile(authority, tls.cert);
    [issuer, s3, database] = [await startOidcIssuer({ tls }), await startDevS3(), await createTestDatabase()];
    const issuers = testedBlock("security", "Start with an issuer", "yaml").replace(
      "https://id.example.org",
      issuer.url,
    );
    await writeFile(join(directory, "issuers.yaml"), issuers);
    sts = await startDevSts({ tls });
    sts.identities.set(SAMPLE_ROLE.accessKeyId, SAMPLE_ROLE);
    const exports = testedBlock("security", "Start with an issuer", "sh").matchAll(/^export (\w+)=(.*)$/gm);
    const set = Object.fromEntries([...exports].map(([, name = "", value = ""]) => [name, value]));
    databaseUrl = await withPassword(database.url, DATABASE_PASSWORD);
    service = await startServiceProcess(s3.endpoint, {
      databaseUrl,
      port: await findFreePort(),
      settings: {
        ...set,
        ...{ SLUICE_AUTH: `${set.SLUICE_AUTH},iam`, SLUICE_IAM_ACCOUNTS: SAMPLE_ACCOUNT },
        ...{ SLUICE_IAM_SERVER_ID: "files.example.org", AWS_ENDPOINT_URL_STS: sts.url },
        SLUICE_DEV_TOKEN: "",
        SLUICE_OIDC_ISSUERS: join(directory, set.SLUICE_OIDC_ISSUERS ?? ""),
        SLUICE_LOG_LEVEL: "trace",
        SLUICE_TOKEN_KEYS: JSON.stringify([TOKEN_KEY]),
        NODE_EXTRA_CA_CERTS: authority,
      },
    });
  });
  after(async () => {
    await service?.stop();
    await Promise.all([issuer?.close(), sts?.close(), database?.drop()]);
    if (databaseUrl !== undefined) await dropUser(database.url, new URL(databaseUrl).username);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  async function sh(script: string, { isSecret = false } = {}): Promise<string> {
    const command = script.replaceAll("npx sluice", `'${process.execPath}' '${main}'`);
    const env = {
      PATH: process.env.PATH,
      NODE_EXTRA_CA_CERTS: authority,
      XDG_STATE_HOME: directory,
      SLUICE_URL: service.url,
    };
    const child = spawn("bash", ["-uc", command], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
    const [, out, err] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
    printed += isSecret ? err : out + err;
    return out + err;
  }

  it("takes a new user from the page about security to a first upload", async () => {
    await writeFile(join(directory, "report.pdf"), "a report");
    const said = await sh(testedBlock("security", "Start with an issuer", "sh login"));
    expect(said).to.contain("signed in by corp").and.contain("report.pdf");
    expect(await sh("npx sluice ls")).to.contain("report.pdf");
  });

  it("writes no secret of all that it used, and neither do its callers, when things fail, too", async () => {
    const said = await sh("npx sluice link create report.pdf", { isSecret: true });
    const [link = ""] = /http\S+\/l\/[\w-]{43}/.exec(said) ?? [said];
    const made = await sh("npx sluice upload-token create web/", { isSecret: true });
    const [uploadToken = ""] = /sluice-upload\.\S+/.exec(made) ?? [made];
    const wrong = new URL(databaseUrl as string);
    wrong.password = "wrong-database-hunter2";
    const gone = new URL(databaseUrl as string);
    gone.port = String(await findFreePort());
    for (const url of [wrong, gone]) {
      const set = `SLUICE_S3_BUCKET=files SLUICE_S3_REGION=eu-central-1 SLUICE_S3_ENDPOINT=http://127.0.0.1:${gone.port}`;
      const credentials = "AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=storage-hunter2";
      const auth = "SLUICE_AUTH=dev SLUICE_DEV_TOKEN=dev-token-hunter2";
      const told = await sh(`SLUICE_DATABASE_URL='${url}' ${set} ${credentials} ${auth} npx sluice doctor; true`);
      expect(told).to.contain(url.hostname);
    }
    const uploaded = `${service.url}/v1/namespaces/default/files`;
    for (const [token, path, status] of [
      [uploadToken, "web/a", 201],
      [uploadToken, "web/used-up", 412],
      [uploadToken, "elsewhere", 403],
      [`${uploadToken.slice(0, -1)}_`, "web/b", 401],
    ] as const) {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${uploaded}/${path}`, { method: "PUT", headers, body: "bytes" });
      printed += JSON.stringify([...answer.headers]) + (await answer.text());
      expect(answer.status, path).to.equal(status);
    }
    const secrets = [s3.endpoint.secretAccessKey, DATABASE_PASSWORD, wrong.password, ...issuer.issued];
    secrets.push("storage-hunter2", "dev-token-hunter2", TOKEN_KEY, uploadToken, ...uploadToken.split(".").slice(2));
    secrets.push(new URL(link).pathname.split("/").at(-1) ?? "");
    const location = (await fetch(link, { redirect: "manual" })).headers.get("location") ?? "";
    secrets.push(new URL(location).searchParams.get("X-Amz-Signature") ?? "");
    const expired = await issuer.sign({ exp: 1 });
    for (const token of [expired, await issuer.sign({ aud: "other" }), "wrong-hunter2", `${await issuer.sign()}x`]) {
      secrets.push(token, ...token.split(".").slice(1));
      const answer = await fetch(`${service.url}/v1/namespaces/default/files`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).to.equal(401);
      printed += JSON.stringify([...answer.headers]) + (await answer.text());
    }
    for (const [status, serverId] of [
      [404, "files.example.org"],
      [401, "other.example.org"],
      [503, "files.example.org"],
    ] as const) {
      const { sessionToken = "", ...keys } = SAMPLE_ROLE;
      const sign = createIamTokenSource({
        ...{ serverId, region: status === 503 ? "eu-west-1" : "eu-central-1", endpoint: sts.url },
        credentials: async () => ({ ...keys, sessionToken }),
      });
      const token = await sign({ refused: undefined });
      const fields = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
      secrets.push(token, sessionToken, encodeURIComponent(sessionToken), /signature=(\w+)/.exec(fields)?.[1] ?? "");
      if (status === 503) sts.override = (_request, response) => response.destroy();
      const answer = await fetch(`${service.url}/v1/namespaces/default/files`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).to.equal(status);
      printed += JSON.stringify([...answer.headers]) + (await answer.text());
    }
    await sh(
      "npx sluice download report.pdf -; npx sluice upload --json report.pdf other.pdf & sleep 1; kill %1; wait",
    );
    const state = await Promise.all(
      (await readdir(join(directory, "sluice"), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("logins"))
        .map((entry) => readFile(join(entry.parentPath, entry.name), "utf8")),
    );
    const written = [JSON.stringify(service.log), ...service.words, printed, ...state].join("\n");
    expect(service.log.length).to.be.greaterThan(3);
    expect(secrets.filter((secret) => secret.length < 6)).to.deep.equal([]);
    for (const secret of new Set(secrets)) {
      const at = written.indexOf(secret);
      expect(at, `a secret in: ${written.slice(Math.max(0, at - 200), at)}`).to.equal(-1);
    }
  });
});
