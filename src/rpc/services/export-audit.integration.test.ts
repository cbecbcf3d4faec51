import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { gunzipSync } from "node:zlib";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Client } from "pg";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { type AuditEntry, AuditService } from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { Operation } from "../../../gen/sluice/v1/job_service_pb.ts";
import { NamespaceService, Role } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { runCli, type ServerCommands } from "../../cli/program.ts";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { authenticateCallers } from "../../testing/rigs/callers/authenticate-callers.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { createS3Subject } from "../../testing/rigs/storage/s3-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

const FILES = 30;
const pathOf = (nth: number) => `${nth % 2 === 0 ? "own" : "other"}/${nth}`;
/** More than a caller who reads nothing takes. */
const FILLED = 20_000;

describe("ExportAudit", () => {
  let service: RunningService;
  let transport: ReturnType<typeof createGrpcTransport>;
  const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
  const audit = () => createClient(AuditService, transport);
  const rest = (name: string, route: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${service.url}/v1/namespaces/default/${route}`, { token: name, ...init });
  const grant = async (changed: Record<string, readonly Role[]> = {}) => {
    const all = { owner: [Role.READER, Role.WRITER], audrey: [Role.AUDITOR], other: [Role.AUDITOR], ...changed };
    const grants = Object.entries(all)
      .filter(([, roles]) => roles.length > 0)
      .map(([name, roles]) => ({
        member: { case: "principal" as const, value: `acme:${name}` },
        roles: [...roles],
      }));
    const part = {
      member: { case: "principal" as const, value: "acme:part" },
      roles: [Role.AUDITOR],
      prefixes: ["own/"],
    };
    await createClient(NamespaceService, transport).setGrants(
      { namespace: "default", grants: [...grants, part] },
      as("root"),
    );
  };
  const CHANGES = 'action = "CommitUpload"';
  const exported = async (name: string, request: { filter?: string; afterSequence?: bigint } = {}) => {
    const entries: AuditEntry[] = [];
    for await (const { content } of audit().exportAudit({ namespace: "default", ...request }, as(name))) {
      if (content.case === "entry") entries.push(content.value);
      if (content.case === "end") return { entries, end: content.value };
    }
    throw new Error("the export has no end");
  };
  const reasonOf = (error: unknown) => ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
  const refused = async (name: string, request: Parameters<typeof exported>[1] = {}) =>
    reasonOf(await catchError(() => exported(name, request)));

  before(async () => {
    service = await startService({ authenticate: authenticateCallers, settings: { SLUICE_ADMINS: "acme:root" } });
    transport = createGrpcTransport({ baseUrl: service.url });
    await grant();
    for (let nth = 0; nth < FILES; nth++)
      expect(await rest("owner", `files/${pathOf(nth)}`, { method: "PUT", body: "x" })).to.include({ status: 201 });
    await until("all commits have numbers", async () => {
      return (await exported("audrey", { filter: CHANGES })).entries.length === FILES;
    });
  });
  after(() => service?.stop());

  it("sends the entries that ListAuditEntries shows, the oldest first, and the end", async () => {
    const { entries, end } = await exported("audrey", { filter: CHANGES });
    const listed = await audit().listAuditEntries(
      { namespace: "default", filter: CHANGES, pageSize: 1000 },
      as("audrey"),
    );
    expect(entries).to.deep.equal(listed.entries.reverse());
    expect(end.count).to.equal(BigInt(FILES));
    expect(Number(end.lastSequence)).to.be.at.least(Number(entries.at(-1)?.sequence));
  });

  it("goes on behind any entry, and behind its own end", async () => {
    const { entries, end } = await exported("audrey", { filter: CHANGES });
    const rest = await exported("audrey", { filter: CHANGES, afterSequence: entries[9]?.sequence ?? 0n });
    expect(rest.entries).to.deep.equal(entries.slice(10));
    const next = await exported("audrey", { filter: CHANGES, afterSequence: end.lastSequence });
    expect(next.entries).to.deep.equal([]);
  });

  it("shows an auditor of a prefix the paths below it alone, and is for auditors alone", async () => {
    const { entries } = await exported("part");
    expect(entries.map(({ path }) => path)).to.include("own/0");
    expect(entries.filter(({ path }) => !path.startsWith("own/"))).to.deep.equal([]);
    expect(await refused("owner")).to.equal("PERMISSION_DENIED");
    expect(await refused("stranger")).to.equal("NAMESPACE_NOT_FOUND");
  });

  it("refuses what it cannot go on from, and a wrong filter", async () => {
    expect(await refused("audrey", { afterSequence: 1_000_000n })).to.equal("EVENTS_RESET");
    expect(await refused("audrey", { afterSequence: -1n })).to.equal("ARGUMENT_INVALID");
    expect(await refused("audrey", { filter: "owner" })).to.equal("FILTER_INVALID");
  });

  it("is an entry of its own", async () => {
    const own = 'action = "ExportAudit" AND actor = "acme:audrey" AND outcome = "done"';
    await exported("audrey");
    await until("it is entered", async () => (await exported("other", { filter: own })).entries.length > 0);
    const denied = 'action = "ExportAudit" AND outcome = "PERMISSION_DENIED" AND actor = "acme:owner"';
    await until("the denial, too", async () => (await exported("other", { filter: denied })).entries.length > 0);
  });

  it("answers lines of JSON over REST, the last of which has the end", async () => {
    const filter = encodeURIComponent(CHANGES);
    const { status, headers, body } = await rest("audrey", `auditEntries:export?filter=${filter}`);
    expect([status, headers.get("content-type")]).to.deep.equal([200, "application/x-ndjson"]);
    const lines = toLines(body);
    expect(lines.slice(0, -1).map(({ entry }) => entry.path)).to.deep.equal(
      Array.from({ length: FILES }, (_, nth) => pathOf(nth)),
    );
    expect(lines.at(-1)?.end).to.include({ count: String(FILES) });
    const after = lines[9]?.entry.sequence;
    const next = await rest("audrey", `auditEntries:export?filter=${filter}&afterSequence=${after}`);
    expect(toLines(next.body).slice(0, -1)).to.deep.equal(lines.slice(10, -1));
  });

  describe("into the bucket, as an operation", () => {
    let storage: ReturnType<typeof createS3Subject>;
    before(() => {
      storage = createS3Subject(service.endpoint);
    });
    after(() => storage?.close());
    const client = (name: string) => createSluiceClient({ url: service.url, token: name });
    /** Starts an export, and waits for its end. */
    const finish = async (name: string, which: { filter?: string; afterSequence?: bigint }) => {
      const caller = client(name);
      const { metadata } = await caller.startAuditExport(which);
      const ended = await caller.waitOperation(metadata?.operationId ?? "");
      caller.close();
      return { id: metadata?.operationId ?? "", ended };
    };
    const toExported = ({ result }: Operation) => {
      const response = result.case === "response" ? result.value.response : undefined;
      if (response?.case !== "auditExport") throw new Error("the operation has made no export");
      return response.value;
    };

    it("makes an object that holds the same lines, and gives its URL", async () => {
      const made = toExported((await finish("audrey", { filter: CHANGES })).ended);
      expect(made.bucket).to.equal(service.endpoint.bucket);
      expect(made.key).to.match(/^exports\/audit\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-[0-9a-f-]{36}\.ndjson\.gz$/);
      expect(Number(made.expireTime?.seconds) * 1000).to.be.above(fromNow(6 * 86_400_000).getTime());
      const answer = await fetch(made.url);
      expect(answer.status).to.equal(200);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(bytes.length).to.equal(Number(made.sizeBytes));
      const { body } = await rest("audrey", `auditEntries:export?filter=${encodeURIComponent(CHANGES)}`);
      const lines = toLines(gunzipSync(bytes).toString());
      expect(lines.slice(0, -1)).to.deep.equal(toLines(body).slice(0, -1));
      expect(made.count).to.equal(BigInt(FILES));
      expect(lines.at(-1)?.end).to.deep.equal({ count: String(FILES), lastSequence: String(made.lastSequence) });
    });

    it("gives the URL to those alone who may audit all of it at that moment", async () => {
      const { id } = await finish("audrey", { filter: CHANGES });
      const urlFor = async (name: string) => {
        const caller = client(name);
        const { url } = toExported(await caller.getOperation(id));
        for await (const { result } of caller.allOperations())
          if (result.case === "response" && result.value.response.case === "auditExport")
            expect(result.value.response.value.url, "of a list").to.equal("");
        caller.close();
        return url;
      };
      expect(await urlFor("audrey")).to.not.equal("");
      await grant({ audrey: [Role.READER], other: [Role.ADMIN] });
      expect([await urlFor("audrey"), await urlFor("other")]).to.deep.equal(["", ""]);
      await grant({ other: [Role.ADMIN, Role.AUDITOR] });
      expect(await urlFor("other")).to.not.equal("");
      await grant();
    });

    it("is for auditors alone, says what is wrong with a request, and leaves nothing of what failed", async () => {
      const start = async (name: string, which: Parameters<SluiceClient["startAuditExport"]>[0] = {}) => {
        const caller = client(name);
        return await catchError(() => caller.startAuditExport(which)).finally(() => caller.close());
      };
      expect(await start("owner")).to.include({ reason: "PERMISSION_DENIED" });
      expect(await start("stranger")).to.include({ reason: "NAMESPACE_NOT_FOUND" });
      expect(await start("audrey", { filter: "owner" })).to.include({ reason: "FILTER_INVALID" });
      const { ended } = await finish("audrey", { afterSequence: 1_000_000n });
      expect(ended.result.value).to.include({ reason: "EVENTS_RESET" });
    });

    it("ends when its starter loses the role, or cancels it, and leaves no multipart upload", async () => {
      for (const end of ["role", "cancel"] as const) {
        const { promise: released, resolve: release } = Promise.withResolvers<void>();
        service.s3.faults.add({ operation: "CreateMultipartUpload", fault: { kind: "hold", released } });
        const caller = client("audrey");
        const { metadata } = await caller.startAuditExport();
        const id = metadata?.operationId ?? "";
        await until("the first step is under way", () => service.s3.faults.pending === 0);
        if (end === "role") await grant({ audrey: [Role.READER] });
        else await caller.cancelOperation(id);
        release();
        const { result } = await caller.waitOperation(id);
        expect(result.value, end).to.include({ reason: end === "role" ? "PERMISSION_DENIED" : "CANCELLED" });
        await grant();
        caller.close();
        const { multiparts } = await storage.store.listMultiparts("bucket", { keyPrefix: "", pageMax: 10 });
        expect(multiparts, end).to.deep.equal([]);
      }
    });
  });

  describe("sluice audit export", () => {
    let directory: string;
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "sluice-export-"));
    });
    after(() => rm(directory, { recursive: true, force: true }));
    const run = async (...args: string[]) => {
      const [stdout, stderr] = [captureText(), captureText()];
      const env = { SLUICE_URL: service.url, SLUICE_TOKEN: "audrey" };
      const { signal } = new AbortController();
      const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal };
      const code = await runCli(["audit", "export", "--filter", CHANGES, ...args], terminal, {} as ServerCommands);
      return { code, out: stdout.text(), err: stderr.text() };
    };

    it("prints the lines, or writes them into a file", async () => {
      const { code, out, err } = await run();
      expect({ code, err }).to.deep.equal({ code: 0, err: "" });
      expect(toLines(out).at(-1)?.end).to.include({ count: String(FILES) });
      const file = join(directory, "export.ndjson");
      const after = String(toLines(out)[9]?.entry.sequence);
      expect(await run("--out", file, "--after", after)).to.deep.equal({ code: 0, out: "", err: "" });
      expect(toLines(await readFile(file, "utf8")).slice(0, -1)).to.deep.equal(toLines(out).slice(10, -1));
    });

    it("has the service write an object, and says how to go on without the command", async () => {
      const { code, out, err } = await run("--to-bucket", "--json");
      expect(code).to.equal(0);
      const { metadata, response } = JSON.parse(out);
      expect(response.auditExport).to.include({ bucket: "bucket", count: FILES });
      expect(new Date(response.auditExport.expireTime)).to.be.above(fromNow(60_000));
      const { operationId: id } = metadata;
      expect(err).to.include(
        `\`sluice operations wait ${id}\` waits for it, \`sluice operations cancel ${id}\` ends it`,
      );
      const shown = await run("--to-bucket");
      expect(shown.out).to.match(
        new RegExp(
          ` StartAuditExport .* done +${FILES} entries up to \\d+ exported {2}acme:audrey\nbucket/exports/audit/.*\nhttp.*\n$`,
        ),
      );
      expect(await run("--to-bucket", "--out", "x")).to.include({ code: 2 });
      expect(await run("--to-bucket", "--after", "1000000")).to.include({ code: 1 });
    });
  });

  describe("of more than a caller takes at once", () => {
    before(async () => {
      const client = new Client({ connectionString: service.databaseUrl });
      await client.connect();
      await client.query(
        `WITH entered AS (
           INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
           SELECT 'default', 'Test', 'done', 'file', 'dev' FROM generate_series(1, $1::integer) RETURNING entry_id, entry_time
         )
         INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
         SELECT entry_id, entry_time, 'default', 'test', repeat('p', 500) FROM entered`,
        [FILLED],
      );
      await client.end();
      await until(
        "all have numbers",
        async () => (await exported("audrey", { filter: FILL })).entries.length === FILLED,
      );
    });
    const FILL = 'action = "Test"';
    /** Reads the first message, and no other. */
    const begin = async (name: string) => {
      const leaving = new AbortController();
      const options = { ...as(name), signal: leaving.signal };
      const messages = audit().exportAudit({ namespace: "default" }, options)[Symbol.asyncIterator]();
      await messages.next();
      return { messages, leave: () => leaving.abort() };
    };

    it("gives one caller one export at a time, and the place back once that caller has gone", async () => {
      const { messages, leave } = await begin("audrey");
      expect(await refused("audrey")).to.equal("OVERLOADED");
      expect((await exported("other", { filter: CHANGES })).entries).to.have.length(FILES);
      leave();
      await catchError(async () => await messages.next());
      await until("the place is free", async () => (await refused("audrey")) === undefined);
    });

    it("ends once its caller has lost the role", async () => {
      const { messages } = await begin("audrey");
      await grant({ audrey: [] });
      const error = await catchError(async () => {
        for (;;) if ((await messages.next()).done) return;
      });
      await grant();
      expect(reasonOf(error)).to.equal("NAMESPACE_NOT_FOUND");
    });
  });
});

// biome-ignore lint/suspicious/noExplicitAny: tests compare pieces of lines of any shape
function toLines(text: string): any[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
