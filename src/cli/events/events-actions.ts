import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "../../../gen/sluice/v1/event_service_pb.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";

/** `sluice events`: prints each event as a line, or with `json` as a CloudEvent in JSON. With `follow` it ends when it is interrupted. */
export async function runEvents(
  terminal: Terminal,
  options: ConnectionOptions & {
    json: boolean;
    follow: boolean;
    new: boolean;
    after: string;
    prefix: string;
    type?: readonly string[];
  },
): Promise<void> {
  const { namespace, json, follow, after: cursor, prefix: pathPrefix, type: types = [] } = options;
  await withClient(terminal, options, async (client) => {
    const selection = { namespace, cursor, pathPrefix, types, signal: terminal.signal };
    const events =
      follow || options.new ? client.watchEvents({ ...selection, onlyNew: options.new }) : client.allEvents(selection);
    for await (const event of events) {
      if (json) printJson(terminal, toEventJson(event));
      else printLine(terminal, toRow(event));
    }
  });
}

function toRow({ time, type, subject = "", data }: Event): string {
  const from = data?.sourcePath === "" || data?.sourcePath === subject ? "" : `  (from ${data?.sourcePath})`;
  return `${toTime(time)}  ${type.replace(/^sluice\.|\.v1$/g, "").padEnd(24)}  ${subject}${from}`.trimEnd();
}

function toTime(time: Event["time"]): string {
  return time === undefined ? "" : formatTime(timestampDate(time));
}

/** The JSON format of CloudEvents. */
function toEventJson(event: Event): Record<string, unknown> {
  const { id, source, specversion, type, subject, time, datacontenttype, sequence, cursor, data } = event;
  const { $typeName: _, $unknown: _unknown, generation, ...named } = data ?? {};
  return {
    ...{ id, source, specversion, type, subject, time: time && timestampDate(time).toISOString(), datacontenttype },
    ...{ sequence: String(sequence), cursor },
    data: { ...named, ...(generation !== undefined && { generation: String(generation) }) },
  };
}
