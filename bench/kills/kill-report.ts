import { markdownTable } from "../figures/markdown-table.ts";
import type { KillMoment } from "./kill-plan.ts";
import type { TrialOutcome, UploadOutcome } from "./kill-trial.ts";

/** The results of a run of kills. */
export interface KillResult {
  readonly trials: readonly TrialOutcome[];
  /** Objects and multipart uploads that the sweep left in the bucket although no file owns them. */
  readonly orphans: readonly string[];
  readonly partSizeBytes: number;
}

const TRANSPORTS = {
  stream: "uploads by WriteUpload",
  parts: "uploads by WritePart",
  urls: "uploads by presigned URL",
};

/** Most parts of one upload in flight at once: the service's own limit. */
const PARTS_IN_FLIGHT_MAX = 16;

/**
 * The result as tables for people, and one sentence for everything that is wrong. There are no sentences when every kill passed.
 */
export function reportKills({ trials, orphans, partSizeBytes }: KillResult): { text: string; problems: string[] } {
  const uploads = trials.flatMap((trial) => trial.uploads);
  const hit = uploads.filter(({ wasHit }) => wasHit);
  const problems = [
    ...trials.flatMap(({ moment, uploads }) => uploads.flatMap((one) => toProblems(moment, one, partSizeBytes))),
    ...orphans.map((orphan) => `orphan: ${orphan}`),
  ];
  const kinds = [...new Set(trials.map(({ moment }) => describeKind(moment)))].sort();
  const byMoment = kinds.map((kind) => {
    const own = trials.filter(({ moment }) => describeKind(moment) === kind);
    return [
      kind,
      ...counts(
        own.flatMap((trial) => trial.uploads),
        partSizeBytes,
        own.filter((one) => one.wasAimed).length,
      ),
    ];
  });
  const byTransport = (["stream", "parts", "urls"] as const).map((transport) => {
    const own = uploads.filter(({ upload }) => upload.transport === transport);
    const [, ...rest] = counts(own, partSizeBytes, 0);
    return [TRANSPORTS[transport], "–", ...rest];
  });
  const total = ["all", ...counts(uploads, partSizeBytes, trials.filter(({ wasAimed }) => wasAimed).length)];
  const head = ["killed", "kills in time", "uploads", "interrupted", "intact", "most parts sent twice"];
  const passed = trials.filter((trial) =>
    trial.uploads.every((one) => toProblems(trial.moment, one, partSizeBytes).length === 0),
  );
  const text = [
    markdownTable(head, [...byMoment, ...byTransport, total]),
    "",
    `${passed.length} of ${trials.length} kills passed; ${hit.length} uploads interrupted; ` +
      `${orphans.length} orphans in the bucket after the sweep; parts of ${partSizeBytes} bytes`,
  ].join("\n");
  return { text, problems };
}

function counts(uploads: readonly UploadOutcome[], partSizeBytes: number, inTime: number): string[] {
  const hit = uploads.filter(({ wasHit }) => wasHit).length;
  const intact = uploads.filter(({ problems }) => problems.length === 0).length;
  const resent = Math.max(0, ...uploads.map(({ resentBytes }) => resentBytes / partSizeBytes));
  return [inTime, uploads.length, hit, intact].map(String).concat(resent.toFixed(1));
}

function toProblems(moment: KillMoment, outcome: UploadOutcome, partSizeBytes: number): string[] {
  const { upload, path, resentBytes } = outcome;
  // Parts are twice as large when the size is unknown. The last, short part then goes a second time with its true length.
  const maxParts = upload.isSizeDeclared ? PARTS_IN_FLIGHT_MAX + 1 : 2 * (PARTS_IN_FLIGHT_MAX + 2);
  const resent =
    resentBytes <= maxParts * partSizeBytes
      ? []
      : [`${resentBytes} bytes were sent to S3 twice; parts in flight and one more are ${maxParts * partSizeBytes}`];
  const what = `${path} (${upload.sizeBytes} bytes${upload.isSizeDeclared ? "" : ", undeclared"}${upload.transport === "stream" ? "" : `, by ${upload.transport}`}; ${JSON.stringify(moment)})`;
  return [...outcome.problems, ...resent].map((problem) => `${what}: ${problem}`);
}

function describeKind(moment: KillMoment): string {
  switch (moment.kind) {
    case "bytes":
      return "between the bytes";
    case "time":
      return "at any time";
    case "request":
      return `S3 is asked to ${moment.step}`;
    case "answer":
      return `S3 has done: ${moment.step}`;
  }
}
