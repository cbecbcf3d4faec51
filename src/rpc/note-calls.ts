import type { Namespaces } from "../domain/namespaces/namespace.ts";
import { currentCall, type ObservedCall } from "../telemetry/observed-call.ts";
import { type BoundFunctions, mapFamilies } from "./bound-functions.ts";
import { bindResult } from "./calls/bound-stream.ts";

/** The fields of requests that say which namespace they are about. */
interface Request {
  namespace?: string;
  name?: string;
  create?: { namespace?: string };
}

/**
 * The same functions, which tell the observed call what it is about: its namespace, if there is one of that name, and the bytes of
 * files that it carries.
 */
export function noteCalls(functions: BoundFunctions, namespaces: Pick<Namespaces, "get">): BoundFunctions {
  const note = ({ namespace, name, create }: Request) => {
    const call = currentCall();
    const named = namespace ?? create?.namespace ?? name ?? "";
    if (call !== undefined && namespaces.get(named) !== undefined) call.namespace = named;
    return call;
  };
  const noteAll = <F extends object>(group: F): F =>
    Object.fromEntries(
      Object.entries(group).map(([name, work]) => [
        name,
        (request: Request, options: unknown) => {
          note(request);
          return bindResult(work(request, options));
        },
      ]),
    ) as F;
  const { uploads, fileQueries } = functions;
  const noted = mapFamilies(functions, noteAll);
  return {
    ...noted,
    uploads: {
      ...noted.uploads,
      admitPart: uploads.admitPart,
      beginWrite: async (start, options) => {
        const call = note(start);
        const session = await uploads.beginWrite(start, options);
        if (call !== undefined) call.countReceivedBytes = () => session.progress.receivedBytes;
        return session;
      },
      writePart: async (request, options) => {
        const call = note(request);
        if (call !== undefined) call.countReceivedBytes = () => request.bytes.length;
        return await uploads.writePart(request, options);
      },
    },
    fileQueries: {
      ...noted.fileQueries,
      readFile: (request, options) => {
        const call = note(request);
        return bindResult(countSent(fileQueries.readFile(request, options), call));
      },
    },
  };
}

/** The same events, whose bytes the call counts as sent once the next event is asked for. */
async function* countSent(
  events: ReturnType<BoundFunctions["fileQueries"]["readFile"]>,
  call: ObservedCall | undefined,
): ReturnType<BoundFunctions["fileQueries"]["readFile"]> {
  let bytes = 0;
  if (call !== undefined) call.countSentBytes = () => bytes;
  for await (const event of events) {
    yield event;
    if (event.kind === "chunk") bytes += event.sizeBytes;
  }
}
