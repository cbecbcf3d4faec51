import { PassThrough } from "node:stream";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { MOVED_EVENT } from "../../testing/samples/sample-event.ts";
import { runCli, type ServerCommands } from "../program.ts";

const UNTOUCHED = {} as ServerCommands;
const ENDED = new DomainError("failed_precondition", "it is another feed", { reason: "EVENTS_RESET" });

describe("sluice events", () => {
  let asked: object[];
  let server: ApiServer;

  before(async () => {
    server = await openApiServer({
      events: {
        listEvents: async (request) => {
          asked.push(request);
          return { events: [{ event: MOVED_EVENT, cursor: "c7" }], cursor: "c9", hasMore: false };
        },
        watchEvents: async function* (request) {
          asked.push(request);
          yield { event: undefined, cursor: "c6" };
          yield { event: MOVED_EVENT, cursor: "c7" };
          throw ENDED;
        },
      },
    });
  });
  after(() => server.close({ graceMs: 0 }));
  beforeEach(() => {
    asked = [];
  });

  async function run(...args: string[]) {
    const [stdout, stderr] = [captureText(), captureText()];
    const env = { SLUICE_URL: server.url, SLUICE_TOKEN: API_TOKEN };
    const { signal } = new AbortController();
    const code = await runCli(
      ["events", ...args],
      { stdout, stderr, stdin: new PassThrough(), env, signal },
      UNTOUCHED,
    );
    return { code, out: stdout.text(), err: stderr.text() };
  }

  it("prints each event as a line", async () => {
    const { code, out, err } = await run("--after", "c1", "--prefix", "to/", "--type", "sluice.file.moved.v1");
    expect({ code, err }).to.deep.equal({ code: 0, err: "" });
    expect(out).to.match(/^\S+ \S+ +file\.moved +to\/a {2}\(from from\/a\)\n$/);
    expect(asked[0]).to.deep.include({ cursor: "c1", pathPrefix: "to/", types: ["sluice.file.moved.v1"] });
  });

  it("prints CloudEvents in JSON", async () => {
    const { out } = await run("--json");
    expect(JSON.parse(out)).to.deep.equal({
      id: MOVED_EVENT.eventId,
      source: "/namespaces/default",
      specversion: "1.0",
      type: "sluice.file.moved.v1",
      subject: "to/a",
      time: "2026-01-02T03:04:05.678Z",
      datacontenttype: "application/json",
      sequence: "7",
      cursor: "c7",
      data: {
        namespace: "default",
        path: "to/a",
        sourcePath: "from/a",
        fileId: MOVED_EVENT.resourceId,
        generation: "3",
      },
    });
  });

  it("follows what happens, and says why it ends", async () => {
    const { code, out, err } = await run("--new", "--json");
    expect(out.split("\n").filter((line) => line.includes('"cursor":"c7"'))).to.have.length(1);
    expect(code).to.not.equal(0);
    expect(err).to.contain("it is another feed");
    expect(asked[0]).to.deep.include({ cursor: "", onlyNew: true });
  });

  it("refuses a beginning that contradicts itself", async () => {
    const { code, err } = await run("--new", "--after", "c1");
    expect(code).to.equal(2);
    expect(err).to.contain("--new and --after exclude each other");
    expect(asked).to.deep.equal([]);
  });
});
