import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { type OidcIssuer, startOidcIssuer } from "../../testing/rigs/callers/oidc-issuer.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { runCli, type ServerCommands } from "../program.ts";
import { openLoginFile } from "./login-file.ts";

describe("sluice login", () => {
  let issuer: OidcIssuer;
  let service: RunningService;
  let directory: string;
  let env: Record<string, string>;

  before(async () => {
    issuer = await startOidcIssuer();
    const login = { client_id: "cli", scopes: ["openid", "offline_access"], audience: "sluice" };
    const issuers = [{ alias: "test", issuer: issuer.url, audiences: ["sluice"], clock_tolerance_seconds: 0, login }];
    const auth = { SLUICE_AUTH: "oidc", SLUICE_DEV_TOKEN: "", SLUICE_OIDC_ISSUERS: JSON.stringify(issuers) };
    service = await startService({ settings: { ...auth, SLUICE_ADMINS: "test:anna" } });
    const grants = [{ principal: "test:anna", roles: ["ROLE_READER", "ROLE_WRITER"] }];
    const { status } = await callRest(`${service.url}/v1/namespaces/default/grants`, {
      method: "PUT",
      token: await issuer.sign(),
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ grants }),
    });
    expect(status).to.equal(200);
  });
  after(async () => {
    await service?.stop();
    await issuer?.close();
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-login-"));
    env = { XDG_STATE_HOME: directory, SLUICE_URL: service.url };
    Object.assign(issuer.flow, { subject: "anna", lifetimeSeconds: 600, isApproved: true });
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function run(...args: string[]) {
    const [stdout, stderr] = [captureText(), captureText()];
    const { signal } = new AbortController();
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal };
    const code = await runCli(args, terminal, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  }

  it("signs in by the device flow, tells what to open, and keeps the tokens for this user alone", async () => {
    issuer.flow.isApproved = false;
    issuer.overrides.set("/device", (_request, response) => {
      issuer.overrides.delete("/device");
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    const redirected = await run("login");
    expect([redirected.code, redirected.err.includes("/device")]).to.deep.equal([1, true]);
    const signedIn = run("login");
    const asked = issuer.requests.get("/token") ?? 0;
    await untilAskedMoreThan(asked + 1);
    issuer.flow.isApproved = true;
    const { code, err } = await signedIn;
    expect([code, err.includes(`Open ${issuer.url}/activate and enter the code WDJB-MJHT`)]).to.deep.equal([0, true]);
    const { path } = openLoginFile(env, [`${service.url}/`]);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    for (const token of issuer.issued) expect(err).not.to.contain(token);
    expect(await run("ls")).to.deep.include({ code: 0, err: "" });
  });

  it("renews its token before it ends, by a refresh token that is used once", async () => {
    issuer.flow.lifetimeSeconds = 1;
    await run("login");
    const before = issuer.requests.get("/token") ?? 0;
    issuer.flow.lifetimeSeconds = 600;
    const commands = await Promise.all([run("ls"), run("ls"), run("ls")]);
    for (const { code, err } of commands) expect([code, err]).to.deep.equal([0, ""]);
    expect(issuer.requests.get("/token")).to.be.greaterThan(before);
    const asked = issuer.requests.get("/token");
    expect(await run("ls")).to.deep.include({ code: 0 });
    expect(issuer.requests.get("/token"), "it stays renewed").to.equal(asked);
  });

  it("goes on with another token when the service refuses the one that it has", async () => {
    await run("login");
    const file = openLoginFile(env, [`${service.url}/`]);
    const login = await file.read();
    if (login === undefined) throw new Error("nobody is signed in");
    await file.write({ ...login, token: await issuer.sign({ exp: Math.floor(fromNow(-60_000).getTime() / 1000) }) });
    const source = join(directory, "file");
    await writeFile(source, "bytes");
    expect(await run("upload", source, "renewed.txt")).to.deep.include({ code: 0 });
  });

  it("says what to do when nobody is signed in, and when the sign-in has ended", async () => {
    const { code, err } = await run("ls");
    expect([code, err.includes("run `sluice login`")]).to.deep.equal([2, true]);
    await run("login");
    const file = openLoginFile(env, [`${service.url}/`]);
    const login = await file.read();
    if (login === undefined) throw new Error("nobody is signed in");
    const token = await issuer.sign({ exp: Math.floor(fromNow(-60_000).getTime() / 1000) });
    await file.write({ ...login, token, expiresAt: 0, refreshToken: "used up" });
    const ended = await run("ls");
    expect([ended.code, ended.err.includes("has expired"), ended.err.includes("sluice login")]).to.deep.equal([
      1,
      true,
      true,
    ]);
    expect(ended.err).not.to.contain(token);
  });

  it("never sends its token to another service", async () => {
    await run("login");
    const { code, err } = await run("ls", "--url", `${service.url},http://127.0.0.1:9`);
    expect([code, err.includes("nobody is signed in")]).to.deep.equal([2, true]);
  });

  it("reads the file of a token anew for each call", async () => {
    const path = join(directory, "token");
    env.SLUICE_TOKEN_FILE = path;
    expect((await run("ls")).err).to.contain(`SLUICE_TOKEN_FILE "${path}" cannot be read: ENOENT`);
    await writeFile(path, `${await issuer.sign()}\n`);
    expect(await run("ls")).to.deep.include({ code: 0 });
    await writeFile(path, "");
    expect((await run("ls")).err).to.contain("is empty");
    await chmod(path, 0o600);
  });

  it("says that the issuer refuses, and by which issuers one can sign in", async () => {
    issuer.overrides.set("/token", (_request, response) => {
      response.writeHead(400).end(JSON.stringify({ error: "access_denied" }));
    });
    const { code, err } = await run("login");
    issuer.overrides.delete("/token");
    expect([code, err.includes("refuses the sign-in: access_denied")]).to.deep.equal([2, true]);
    expect((await run("login", "--issuer", "other")).err).to.contain('there is no issuer "other" with --issuer: test');
    expect(JSON.parse((await run("login", "--json")).out.split("\n")[0] ?? "")).to.include({ code: "WDJB-MJHT" });
    expect(JSON.parse(await readFile(openLoginFile(env, [`${service.url}/`]).path, "utf8"))).to.have.property("token");
  });

  async function untilAskedMoreThan(count: number): Promise<void> {
    const { until } = await import("../../testing/rigs/until.ts");
    await until("the issuer is asked again", () => (issuer.requests.get("/token") ?? 0) > count);
  }
});
