import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { type Event, EventService, type WatchEventsResponse } from "../../../gen/sluice/v1/event_service_pb.ts";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { NamespaceService, Role } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { authenticateCallers } from "../../testing/rigs/callers/authenticate-callers.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

describe("EventService over gRPC and REST", () => {
  let service: RunningService;
  let transport: ReturnType<typeof createGrpcTransport>;
  const ending = new AbortController();

  const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });
  const events = () => createClient(EventService, transport);
  const commands = () => createClient(FileCommandService, transport);
  const namespaces = () => createClient(NamespaceService, transport);
  const put = async (path: string, name = "owner") => {
    const url = `${service.url}/v1/namespaces/default/files/${path}`;
    const { status } = await callRest(url, { method: "PUT", token: name, body: `bytes of ${path}` });
    expect(status).to.be.oneOf([200, 201]);
  };

  const ALL = [Role.READER, Role.WRITER, Role.DELETER, Role.AUDITOR, Role.ADMIN];
  const STANDING = {
    owner: { roles: ALL, prefixes: [] },
    alice: { roles: [Role.READER], prefixes: ["own/", "more/"] },
    wren: { roles: [Role.WRITER], prefixes: ["own/"] },
    audrey: { roles: [Role.AUDITOR], prefixes: [] },
  };
  const setGrants = async (
    given: Readonly<Record<string, { roles: Role[]; prefixes: string[] }>>,
    namespace: string,
  ) => {
    const grants = Object.entries(given).map(([name, grant]) => ({
      member: { case: "principal" as const, value: `acme:${name}` },
      ...grant,
    }));
    await namespaces().setGrants({ namespace, grants }, as("root"));
  };
  /** All events that somebody sees, by pages of two. */
  const listAll = async (name: string, request: { types?: string[]; pathPrefix?: string } = {}) => {
    const all: Event[] = [];
    let cursor = "";
    for (;;) {
      const page = await events().listEvents({ namespace: "default", cursor, pageSize: 2, ...request }, as(name));
      all.push(...page.events);
      if (!page.hasMore) return { all, cursor: page.cursor };
      cursor = page.cursor;
    }
  };
  const show = ({ type, subject = "" }: Event) => `${type.split(".").slice(1, 3).join(".")} ${subject}`;
  const untilTold = async (name: string, last: string) =>
    await until(`the event ${last}`, async () => (await listAll(name)).all.map(show).at(-1) === last);

  before(async () => {
    service = await startService({ authenticate: authenticateCallers, settings: { SLUICE_ADMINS: "acme:root" } });
    transport = createGrpcTransport({ baseUrl: service.url });
    await setGrants(STANDING, "default");
    const second = { name: "second", bucket: "second-bucket", region: "eu-central-1" };
    await namespaces().createNamespace({ namespace: second }, as("root"));
    await setGrants({ neighbour: { roles: ALL, prefixes: [] } }, "second");
    for (const path of ["own/a", "other/b"]) await put(path);
    const command = () => ({ requestId: crypto.randomUUID(), namespace: "default" });
    await commands().moveFile({ ...command(), path: "own/a", targetPath: "secret/c" }, as("owner"));
    await commands().copyFile({ ...command(), path: "other/b", targetPath: "more/d" }, as("owner"));
    await commands().createLink({ ...command(), path: "more/d" }, as("owner"));
    await commands().deleteFile({ ...command(), path: "more/d" }, as("owner"));
    await untilTold("owner", "file.deleted more/d");
  });
  after(async () => {
    ending.abort();
    await service?.stop();
  });
  afterEach(() => expect(service.errorsLogged).to.deep.equal([]));

  const refusalOf = async (attempt: Promise<unknown>) => {
    const error = ConnectError.from(await catchError(() => attempt));
    return { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason };
  };
  const drain = async (stream: AsyncIterable<WatchEventsResponse>) => {
    for await (const _ of stream);
  };
  /** The first messages with events of a watch. */
  const take = async (stream: AsyncIterable<WatchEventsResponse>, count: number) => {
    const taken: Event[] = [];
    for await (const { event } of stream) {
      if (event !== undefined) taken.push(event);
      if (taken.length === count) break;
    }
    return taken;
  };

  it("tells each caller what their roles show, in the order of the changes", async () => {
    const seen = async (name: string) => (await listAll(name)).all.map(show);
    expect(await seen("owner")).to.deep.equal([
      "namespace.created ",
      "namespace.grants_changed ",
      "file.committed own/a",
      "file.committed other/b",
      "file.moved secret/c",
      "file.copied more/d",
      "link.created more/d",
      "file.deleted more/d",
    ]);
    expect(await seen("alice")).to.deep.equal([
      "file.committed own/a",
      "file.moved own/a",
      "file.copied more/d",
      "file.deleted more/d",
    ]);
    expect(await seen("wren")).to.deep.equal([]);
    expect(await seen("audrey")).to.deep.equal([
      "namespace.created ",
      "namespace.grants_changed ",
      "link.created more/d",
    ]);
  });

  it("hides the paths that a caller may not read", async () => {
    const { all } = await listAll("alice");
    const [moved, copied] = [all[1]?.data, all[2]?.data];
    expect([moved?.path, moved?.sourcePath]).to.deep.equal(["", "own/a"]);
    expect([copied?.path, copied?.sourcePath]).to.deep.equal(["more/d", ""]);
  });

  it("carries the attributes of CloudEvents 1.0", async () => {
    const url = `${service.url}/v1/namespaces/default/events?pageSize=1&types=sluice.file.committed.v1`;
    const { status, body } = await callRest(url, { token: "owner" });
    expect(status).to.equal(200);
    const [event] = body.events;
    expect(event).to.include({
      source: "/namespaces/default",
      specversion: "1.0",
      type: "sluice.file.committed.v1",
      subject: "own/a",
      datacontenttype: "application/json",
    });
    expect(event.id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(event.sequence).to.match(/^\d+$/);
    expect(Number.isNaN(Date.parse(event.time))).to.equal(false);
    expect(event.data).to.deep.include({ namespace: "default", path: "own/a", generation: "1" });
    expect(body.cursor).to.equal(event.cursor);
  });

  it("takes filters by type and by path", async () => {
    const deleted = await listAll("owner", { types: ["sluice.file.deleted.v1", "sluice.file.moved.v1"] });
    expect(deleted.all.map(show)).to.deep.equal(["file.moved secret/c", "file.deleted more/d"]);
    const own = await listAll("owner", { pathPrefix: "own/" });
    expect(own.all.map(show)).to.deep.equal(["file.committed own/a", "file.moved secret/c"]);
    const request = { namespace: "default", types: ["sluice.file.read.v1"] };
    expect(await refusalOf(events().listEvents(request, as("owner")))).to.deep.equal({
      code: Code.InvalidArgument,
      reason: "ARGUMENT_INVALID",
    });
  });

  it("tells nobody of another namespace that there is one", async () => {
    const hidden = { code: Code.NotFound, reason: "NAMESPACE_NOT_FOUND" };
    for (const name of ["neighbour", "stranger"]) {
      expect(await refusalOf(events().listEvents({ namespace: "default" }, as(name)))).to.deep.equal(hidden);
      expect(await refusalOf(drain(events().watchEvents({ namespace: "default" }, as(name))))).to.deep.equal(hidden);
    }
  });

  it("replays, then goes on with what happens, and resumes behind any event", async () => {
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(20_000)]);
    const before = (await listAll("alice")).all;
    const stream = events().watchEvents({ namespace: "default" }, { ...as("alice"), signal });
    const taking = take(stream, before.length + 1);
    await put("own/live");
    const taken = await taking;
    expect(taken.slice(0, -1)).to.deep.equal(before);
    expect(show(taken.at(-1) as Event)).to.equal("file.committed own/live");
    const cursor = before[1]?.cursor ?? "";
    const rest = await take(events().watchEvents({ namespace: "default", cursor }, { ...as("alice"), signal }), 3);
    expect(rest).to.deep.equal(taken.slice(2));
  });

  it("begins with what is new when it is asked to", async () => {
    const stream = events().watchEvents({ namespace: "default", onlyNew: true }, as("owner"))[Symbol.asyncIterator]();
    const first = await stream.next();
    expect(first.value?.event).to.equal(undefined);
    await put("own/fresh");
    let message = await stream.next();
    while (message.value?.event === undefined) message = await stream.next();
    expect(show(message.value.event)).to.equal("file.committed own/fresh");
    await stream.return?.();
  });

  it("refuses a cursor of another feed, and one ahead of the last event", async () => {
    const reset = { code: Code.FailedPrecondition, reason: "EVENTS_RESET" };
    const { cursor } = await listAll("owner");
    const [origin] = cursor.split(".");
    for (const wrong of [`${crypto.randomUUID()}.1`, `${origin}.999999999`]) {
      const request = { namespace: "default", cursor: wrong };
      expect(await refusalOf(events().listEvents(request, as("owner")))).to.deep.equal(reset);
      expect(await refusalOf(drain(events().watchEvents(request, as("owner"))))).to.deep.equal(reset);
    }
    const bad = await refusalOf(events().listEvents({ namespace: "default", cursor: "7" }, as("owner")));
    expect(bad).to.deep.equal({ code: Code.InvalidArgument, reason: "ARGUMENT_INVALID" });
  });

  it("ends the stream of a caller whose role is withdrawn", async () => {
    const watched = refusalOf(drain(events().watchEvents({ namespace: "default" }, as("audrey"))));
    const { audrey: _, ...others } = STANDING;
    await setGrants(others, "default");
    try {
      expect(await watched).to.deep.equal({ code: Code.NotFound, reason: "NAMESPACE_NOT_FOUND" });
    } finally {
      await setGrants(STANDING, "default");
    }
  });

  describe("as Server-Sent Events", () => {
    const open = async (headers: Record<string, string>, query = "") => {
      const url = `${service.url}/v1/namespaces/default/events:watch${query}`;
      const answer = await fetch(url, {
        headers: { authorization: "Bearer alice", accept: "text/event-stream", ...headers },
        signal: AbortSignal.any([ending.signal, AbortSignal.timeout(20_000)]),
      });
      expect(answer.status).to.equal(200);
      expect(answer.headers.get("content-type")).to.equal("text/event-stream");
      return answer.body?.pipeThrough(new TextDecoderStream()) as ReadableStream<string>;
    };
    const read = async (body: ReadableStream<string>, blocks: number) => {
      let text = "";
      for await (const chunk of body) {
        text += chunk;
        if (text.split("\n\n").length > blocks) break;
      }
      return text.split("\n\n").slice(0, blocks);
    };

    it("sends the cursor as the id, the type, and the event as CloudEvents' JSON", async () => {
      const { all } = await listAll("alice");
      const [first, second] = await read(await open({}), 2);
      expect(first).to.match(/^id: [0-9a-f-]{36}\.\d+$/);
      const [id, type, data] = (second ?? "").split("\n");
      expect(id).to.equal(`id: ${all[0]?.cursor}`);
      expect(type).to.equal("event: sluice.file.committed.v1");
      expect(JSON.parse((data ?? "").replace(/^data: /, ""))).to.include({ id: all[0]?.id, subject: "own/a" });
    });

    it("resumes behind Last-Event-ID, whatever the URL says", async () => {
      const { all } = await listAll("alice");
      const [, second] = await read(await open({ "last-event-id": all[0]?.cursor ?? "" }, "?onlyNew=true"), 2);
      expect(second).to.include(`id: ${all[1]?.cursor}\nevent: sluice.file.moved.v1\n`);
    });

    it("answers a problem before the first event", async () => {
      const url = `${service.url}/v1/namespaces/default/events:watch`;
      const headers = { accept: "text/event-stream", "last-event-id": `${crypto.randomUUID()}.1` };
      const { status, body } = await callRest(url, { token: "alice", headers });
      expect({ status, reason: body.reason }).to.deep.equal({ status: 412, reason: "EVENTS_RESET" });
    });
  });
});
