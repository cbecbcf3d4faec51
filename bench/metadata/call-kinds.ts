import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import type { CallLoad, CallTimes } from "./call-load.ts";
import { drawFilter, drawWords, type Sample } from "./sample.ts";

/** One kind of call, with requests that were drawn for it. */
export interface CallKind {
  readonly name: string;
  /** True when calls of this kind need the indexes of words. */
  readonly needsWords?: boolean;
  /** Makes the calls of the requests from one number to below another, so many at a time. */
  run(calls: CallLoad, range: readonly [from: number, to: number], inFlight: number): Promise<CallTimes>;
}

const namespace = "default";
const { getFile, listFiles, searchFiles } = FileQueryService.method;
const { updateFile } = FileCommandService.method;

/** Draws so many requests for each kind of call. None of them takes a file away that others ask for. */
export async function drawCallKinds(sample: Sample, count: number): Promise<CallKind[]> {
  const paths = await sample.paths(count);
  const toFolder = (path: string) => path.slice(0, path.lastIndexOf("/"));
  return [
    toKind("GetFile", getFile, paths, (path) => ({ namespace, path })),
    toKind("ListFiles", listFiles, paths, (path) => ({ namespace, prefix: toFolder(path) })),
    toKind("SearchFiles by filter", searchFiles, paths, () => ({ namespace, filter: drawFilter(sample) })),
    {
      ...toKind("SearchFiles by words", searchFiles, paths, () => ({ namespace, query: drawWords(sample) })),
      needsWords: true,
    },
    toKind("UpdateFile", updateFile, paths, (path, index) => ({
      requestId: crypto.randomUUID(),
      file: { namespace, path, labels: { stage: `stage-${index % 4}` } },
      updateMask: { paths: ["labels.stage"] },
    })),
  ];
}

function toKind<I extends DescMessage, O extends DescMessage>(
  name: string,
  method: DescMethodUnary<I, O>,
  paths: readonly string[],
  toRequest: (path: string, index: number) => MessageInitShape<I>,
): CallKind {
  const requests = paths.map(toRequest);
  return {
    name,
    run: (calls, [from, to], inFlight) => calls.run(method, requests.slice(from, to), { inFlight }),
  };
}
