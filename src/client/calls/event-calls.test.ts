import { once } from "node:events";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { JournalEvent } from "../../domain/journal/event-log.ts";
import type { EventsRequest } from "../../queries/events/list-events.ts";
import type { WatchMessage } from "../../queries/events/watch-events.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { createSluiceClient, type SluiceClient } from "../client.ts";
import type { WatchEventsOptions } from "./event-calls.ts";

const RETRY = { triesMax: 3, delayBaseMs: 1, delayMaxMs: 1 };
const away = new DomainError("unavailable", "it is away", { reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1 });
const reset = new DomainError("failed_precondition", "it is another feed", { reason: "EVENTS_RESET" });

function sampleEvent(sequence: number): JournalEvent {
  return {
    eventId: "0190a3b4-5c6d-7e8f-9a0b-0000000000bb",
    sequence,
    time: new Date(0),
    namespace: "default",
    type: "sluice.file.deleted.v1",
    kind: "file",
    resourceId: undefined,
    generation: 1,
    path: `file/${sequence}`,
    sourcePath: "",
  };
}
const told = (sequence: number): WatchMessage => ({ event: sampleEvent(sequence), cursor: `c${sequence}` });
const still = (cursor: string): WatchMessage => ({ event: undefined, cursor });

/** One stream: its messages, and then how it ends. Without an end it stays silent. */
type Script = (WatchMessage | Error | "end")[];

describe("the events of the client", () => {
  let scripts: Script[];
  let asked: (EventsRequest & { onlyNew?: boolean })[];
  let server: ApiServer;
  let client: SluiceClient;

  before(async () => {
    server = await openApiServer({
      events: {
        watchEvents: async function* (request, { signal }) {
          asked.push(request);
          for (const step of scripts.shift() ?? []) {
            if (step instanceof Error) throw step;
            if (step === "end") return;
            yield step;
          }
          await once(signal, "abort");
        },
        listEvents: async (request) => {
          asked.push(request);
          const from = request.cursor === "" ? 1 : Number(request.cursor.slice(1)) + 1;
          const events = [from, from + 1].map((sequence) => ({ event: sampleEvent(sequence), cursor: `c${sequence}` }));
          return { events, cursor: `c${from + 1}`, hasMore: from < 5 };
        },
      },
    });
    client = createSluiceClient({ url: server.url, token: API_TOKEN });
  });
  after(async () => {
    client.close();
    await server.close({ graceMs: 0 });
  });
  beforeEach(() => {
    [scripts, asked] = [[], []];
  });

  const take = async (count: number, options: WatchEventsOptions = {}) => {
    const sequences: number[] = [];
    for await (const { sequence } of client.watchEvents({ retry: RETRY, ...options })) {
      sequences.push(Number(sequence));
      if (sequences.length === count) break;
    }
    return sequences;
  };

  it("goes on behind the last message when a stream is cut, refused or ended", async () => {
    scripts.push(
      [still("c0"), told(1), told(3), away],
      [away],
      [still("c3"), told(4), still("c9"), "end"],
      [still("c9"), told(10)],
    );
    expect(await take(4)).to.deep.equal([1, 3, 4, 10]);
    expect(asked.map(({ cursor }) => cursor)).to.deep.equal(["", "c3", "c3", "c9"]);
  });

  it("takes what is new from where it began, also when nothing had come yet", async () => {
    scripts.push([still("c7"), away], [still("c7"), told(8)]);
    expect(await take(1, { onlyNew: true })).to.deep.equal([8]);
    expect(asked.map(({ cursor, onlyNew }) => ({ cursor, onlyNew }))).to.deep.equal([
      { cursor: "", onlyNew: true },
      { cursor: "c7", onlyNew: false },
    ]);
  });

  it("opens a silent stream again", async () => {
    scripts.push([still("c0"), told(1)], [still("c1"), told(2)]);
    expect(await take(2, { silenceMaxMs: 100 })).to.deep.equal([1, 2]);
  });

  it("does not try again with a cursor that is refused", async () => {
    scripts.push([reset]);
    expect(await catchError(() => take(1, { cursor: "c1" }))).to.include({ reason: "EVENTS_RESET" });
    expect(asked).to.have.length(1);
  });

  it("gives up when streams achieve nothing repeatedly", async () => {
    scripts.push([still("c0"), away], [still("c0"), away], [still("c0"), away]);
    expect(await catchError(() => take(1))).to.include({ reason: "DATABASE_UNAVAILABLE" });
    expect(asked).to.have.length(3);
  });

  it("passes the selection on, and fetches all pages", async () => {
    const selection = { namespace: "other", types: ["sluice.file.deleted.v1"], pathPrefix: "file/" };
    const sequences: number[] = [];
    for await (const { sequence } of client.allEvents(selection)) sequences.push(Number(sequence));
    expect(sequences).to.deep.equal([1, 2, 3, 4, 5, 6]);
    expect(asked.map(({ cursor }) => cursor)).to.deep.equal(["", "c2", "c4"]);
    for (const request of asked) expect(request).to.deep.include(selection);
  });
});
