import { existsSync, readdirSync, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { AuditService } from "../../../gen/sluice/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../../gen/sluice/v1/configuration_service_pb.ts";
import { EventService } from "../../../gen/sluice/v1/event_service_pb.ts";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { JobService } from "../../../gen/sluice/v1/job_service_pb.ts";
import { NamespaceService } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { PrivacyService } from "../../../gen/sluice/v1/privacy_service_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { CONFIG_COMMANDS } from "../../cli/configuration/config-actions.ts";
import { runCli } from "../../cli/program.ts";
import { EXIT } from "../../cli/terminal/exit-code.ts";
import { parseConfig } from "../../config/config.ts";
import { ENVIRONMENT } from "../../config/config-environment.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { captureText } from "../rigs/capture-text.ts";
import { collectErrorReasons } from "./error-reasons.ts";
import {
  findBrokenLinks,
  findFormBreaches,
  findUnknownPages,
  findUnlistedPages,
  findUntestedBlocks,
} from "./page-rules.ts";
import { codesIn, PAGES, pageOf, rowsOf, sectionOf, testedBlock } from "./pages.ts";
import { ROOMS } from "./rooms.ts";
import { readSourceFiles } from "./source-file.ts";

const root = new URL("../../../", import.meta.url);
const { scripts } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
  scripts: Record<string, string>;
};
const SMALLEST = {
  SLUICE_DATABASE_URL: "postgres://localhost/sluice",
  SLUICE_S3_BUCKET: "files",
  SLUICE_S3_REGION: "eu-central-1",
  SLUICE_AUTH: "dev",
  SLUICE_DEV_TOKEN: "a-token-of-tests",
  SLUICE_WORKERS: "1",
};

/** A table of a page by the code in its first column. */
function tableOf(page: string, heading: string): Map<string, string[]> {
  return new Map(rowsOf(sectionOf(page, heading)).map(([first = "", ...rest]) => [codesIn(first)[0] ?? first, rest]));
}

/** What every page says, one after the other. */
const ALL = [...PAGES.values()].map(({ text }) => text).join("\n");

const SERVICES = [
  ...[UploadService, FileQueryService, FileCommandService, NamespaceService, EventService],
  ...[AuditService, PrivacyService, JobService, ConfigurationService, Health, ServerReflection],
];

describe("the README and the pages of docs/", () => {
  const files = readSourceFiles(root, ["src", "bench"]);
  const exists = (path: string) => existsSync(new URL(path, root));

  it("begin with the two commands", () => {
    const { text } = pageOf("README");
    expect(text.indexOf("```sh")).to.be.lessThan(30);
    expect(testedBlock("README", "Sluice", "sh")).to.match(/^npm ci && npm run demo\b.*\nnpm cit\b.*\n$/);
  });

  it("have no block that no test runs or checks", () => {
    expect(findUntestedBlocks(PAGES, files)).to.deep.equal([]);
  });

  it("link to files, pages and headings that exist", () => {
    expect(findBrokenLinks(PAGES, exists)).to.deep.equal([]);
  });

  it("are all in the README's table of pages", () => {
    expect(PAGES.size).to.be.above(10);
    expect(findUnlistedPages(PAGES)).to.deep.equal([]);
  });

  it("begin each with what the page answers, and the README is short", () => {
    expect(findFormBreaches(PAGES)).to.deep.equal([]);
  });

  it("are what code, comments and messages name them", () => {
    const others = [".ci/run", ...listProtos()].map((path) => ({
      path,
      text: readFileSync(new URL(path, root), "utf8"),
    }));
    const own = files.filter(({ path }) => !path.endsWith("/page-rules.test.ts"));
    expect(findUnknownPages(PAGES, [...own, ...others])).to.deep.equal([]);
  });

  it("name npm scripts that exist, and every one for users", () => {
    const named = [...ALL.matchAll(/npm (?:run )?([a-z][a-z:]*)/g)].map(([, name]) => name as string);
    const own = new Set(["ci", "cit", "brings"]);
    expect(named.filter((name) => !own.has(name) && scripts[name] === undefined)).to.deep.equal([]);
    expect(named).to.include.members(["start", "demo", "check", "test", "generate", "format", "bench:upload"]);
  });

  it("have TypeScript run by the Node that npm has brought: a Node 20 of the machine cannot read it", () => {
    const commands = [...ALL.matchAll(/(?:npx )?\bnode [\w./-]+\.ts\b/g)].map(([command]) => command);
    expect(commands).to.include("npx node upload.ts");
    expect(commands.filter((command) => !command.startsWith("npx "))).to.deep.equal([]);
  });

  it("name source files that exist", () => {
    const paths = codesIn(ALL).filter((code) => /^[\w-]+\/[\w./-]+\.ts$/.test(code));
    expect(paths).to.not.be.empty;
    expect(paths.filter((path) => !exists(path.replace(/^(src\/)?/, "src/")))).to.deep.equal([]);
  });

  it("have the rooms of the structure test", () => {
    const named = rowsOf(sectionOf("architecture", "The rooms of `src/`")).flatMap(([room = ""]) => codesIn(room));
    expect(named.map((room) => room.replace(/\/$/, ""))).to.have.members(Object.keys(ROOMS));
  });

  it("show in the README six figures that the page of benchmarks has, as it has them", () => {
    const shown = rowsOf(sectionOf("README", "Six figures"));
    const measured = ["One upload", "Many uploads", "Metadata"].flatMap((heading) =>
      rowsOf(sectionOf("benchmarks", heading)),
    );
    expect(shown).to.have.length(6);
    expect(measured).to.deep.include.members(shown);
  });

  describe("the configuration", () => {
    const table = tableOf("configuration", "Variables");

    it("names every variable that the service reads, and no other", () => {
      expect([...table.keys()]).to.have.members(Object.keys(ENVIRONMENT));
    });

    it("says their defaults", () => {
      for (const [name, schema] of Object.entries(ENVIRONMENT)) {
        const parsed = schema.safeParse(undefined);
        if (name === "SLUICE_WORKERS" || !parsed.success || parsed.data === undefined || parsed.data === "") continue;
        const [said = ""] = table.get(name) ?? [];
        expect(said.replaceAll("`", "").split(" ")[0], name).to.equal(String(parsed.data));
      }
    });

    it("says which are required", () => {
      const required = Object.entries(ENVIRONMENT).filter(([, schema]) => !schema.safeParse(undefined).success);
      const said = [...table].filter(([, [value]]) => value === "required").map(([name]) => name);
      expect(said).to.include.members(required.map(([name]) => name));
      for (const name of said) {
        const { [name]: _, ...others } = SMALLEST as Record<string, string>;
        expect(() => parseConfig(others), name).to.throw(name);
      }
      parseConfig(SMALLEST);
    });
  });

  describe("the API", () => {
    const table = tableOf("README", "The services");

    for (const service of SERVICES) {
      it(`has the methods of ${service.typeName}`, () => {
        const [methods = ""] = table.get(service.typeName) ?? [];
        const said = codesIn(methods).filter((code) => /^[A-Z]/.test(code));
        expect(said).to.have.members(service.methods.map(({ name }) => name));
      });
    }

    it("has no other service", () => {
      expect(table.size).to.equal(SERVICES.length);
    });

    it("has the role that each method needs on the page of access", () => {
      const rows = rowsOf(sectionOf("access", "The role that each method needs"));
      const said = rows.flatMap(([methods = ""]) => codesIn(methods));
      const open = [ConfigurationService, Health, ServerReflection];
      const ruled = SERVICES.filter((service) => !(open as readonly unknown[]).includes(service));
      expect(said).to.have.members(ruled.flatMap(({ methods }) => methods.map(({ name }) => name)));
    });

    it("has every reason with its codes", () => {
      const isService = (path: string) => !/^(bench|src\/(client|cli|devstack|testing))\/|\.test\.ts$/.test(path);
      const reasons = collectErrorReasons(files.filter(({ path }) => isService(path)));
      // This one's reason is a parameter of the function that refuses.
      reasons.set("REQUEST_ID_INVALID", new Set(["invalid_argument"]));
      const listed = [...tableOf("errors", "Reasons")].map(
        ([reason, [codes = ""]]) => `${reason}: ${codesIn(codes).sort()}`,
      );
      const found = [...reasons].map(
        ([reason, codes]) => `${reason}: ${[...codes].map((code) => code.toUpperCase()).sort()}`,
      );
      expect(listed).to.have.members(found);
    });
  });

  describe("the filters", () => {
    const terms = rowsOf(sectionOf("finding-files", "Filters")).map(([term = ""]) => codesIn(term)[0] ?? "");

    it("can be read", () => {
      expect(terms).to.have.length.above(8);
      for (const term of terms) expect(parseFileFilter(term), term).to.be.an("object");
      expect(parseFileFilter(terms.map((term) => `(${term})`).join(" OR "))).to.have.property("kind", "or");
    });
  });

  it("have the reasons that REST adds, with their statuses", () => {
    const source = readFileSync(new URL("src/rest/requests/rest-refusal.ts", root), "utf8");
    const added = [...source.matchAll(/^ {2}([A-Z_]+): (\d{3}),$/gm)].map(
      ([, reason, status]) => `${reason}: ${status}`,
    );
    const shared = new Set(tableOf("errors", "Reasons").keys());
    const own = added.filter((one) => one.startsWith("RANGE_INVALID") || !shared.has(one.split(":")[0] as string));
    const listed = [...tableOf("rest", "Errors")].map(([reason, [status = ""]]) => `${reason}: ${status}`);
    expect(own).to.have.length(6);
    expect(listed).to.have.members(own);
  });

  describe("the command line", () => {
    it("has the commands of sluice", async () => {
      const stdout = captureText();
      const terminal = { stdout, stderr: new PassThrough(), stdin: new PassThrough(), env: {} };
      const config = async () => CONFIG_COMMANDS;
      const server = {
        config,
        serve: async () => {},
        migrate: async () => {},
        doctor: async () => true,
        reconcile: async () => true,
      };
      await runCli(["--help"], { ...terminal, signal: new AbortController().signal }, server);
      const commands = [...stdout.text().matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name);
      const named = rowsOf(sectionOf("command-line", "The command line")).flatMap(
        ([first = ""]) => /^`sluice ([a-z-]+)/.exec(first)?.[1] ?? [],
      );
      expect([...named, "help"]).to.have.members(commands);
    });

    it("has the exit codes", () => {
      const codes = rowsOf(sectionOf("command-line", "Exit codes")).flatMap(([first = ""]) =>
        /^\d+$/.test(first) ? Number(first) : [],
      );
      expect(codes).to.have.members(Object.values(EXIT));
    });
  });
});

function listProtos(): string[] {
  return readdirSync(new URL("proto/sluice/v1/", root)).map((name) => `proto/sluice/v1/${name}`);
}
