import { WorkLimiter, type WorkLimits } from "../domain/limits/work-limiter.ts";
import { type BoundFunctions, mapFamilies } from "./bound-functions.ts";
import type { CallOptions } from "./calls/caller-context.ts";

/**
 * How much of each class of work a process does at once, and how much waits. A class is work of similar cost that waits for
 * the same resource, so that slow work does not hold up quick work. One caller has at most seven eighths of both,
 * unless the class states another share.
 */
export const WORK_LIMITS = {
  /** One file by its path. Two statements get a hundred files each; meanwhile a third batch gathers. */
  lookups: { runningMax: 256, waitingMax: 2000 },
  /** Pages without a filter: four of the ten connections for queries (POOL_LIMITS_DEFAULT), for up to a thousand rows each. */
  pages: { runningMax: 4, waitingMax: 500 },
  /**
   * Reads by a filter or by words: three of the ten connections for queries, so that a file is still found by its path at
   * once, however many filtered reads there are. A worker has one core: more of them at once only take turns at it, and all
   * of them end later (measured at 300/s by two workers: p99 59 ms with three, 73 with four, 95 with six). About as many wait
   * as are answered in a second.
   */
  "filtered reads": { runningMax: 3, waitingMax: 200 },
  /**
   * Changes of metadata: the ten connections for commands, and some more that are being prepared or answered meanwhile. Each
   * takes a worker's core for a millisecond: with seven eighths of them, one caller left a third of the core to all others.
   */
  commands: { runningMax: 16, waitingMax: 2000, callerShare: 3 / 8 },
  /** Calls that may wait for storage: twice as many as the requests that storage gets at once (`requestsMax.control`). */
  "calls to storage": { runningMax: 128, waitingMax: 1000 },
  /**
   * Files whose bytes pass through the service. Each keeps a connection to storage for as long as its caller reads, so there
   * are fewer than the requests that read (`requestsMax.read`): the service's own reads never wait for slow callers. No read
   * waits: a presigned URL serves a refused caller better than a queue.
   */
  "reads of files": { runningMax: 128, waitingMax: 0 },
  /**
   * Exports of the audit log, which read one stretch of entries after the other: two of the ten connections for queries, and a caller has
   * one. No export waits: the stream would be silent meanwhile.
   */
  "exports of the audit log": { runningMax: 2, waitingMax: 0, callerShare: 1 / 2 },
  /** Calls that wait for the end of an operation: each looks at a row twice a second, and keeps a stream of HTTP/2. */
  "waits for operations": { runningMax: 128, waitingMax: 0 },
  /** Copies within storage. Their parts wait for one another's slots there (`requestsMax.copy`), which all copies share. */
  copies: { runningMax: 32, waitingMax: 0 },
} satisfies Record<string, WorkLimits>;

/** The name of a class of work. */
export type WorkClass = keyof typeof WORK_LIMITS;

/** One limiter for each class of work in a process. */
export type WorkLimiters = Readonly<Record<WorkClass, WorkLimiter>>;

/** The class of each method that answers once, or how it follows from the request; undefined when other limits hold. */
type WorkClasses<F> = {
  [K in keyof F as F[K] extends (request: never, options: CallOptions) => Promise<unknown> ? K : never]: F[K] extends (
    request: infer R,
    options: CallOptions,
  ) => Promise<unknown>
    ? WorkClass | ((request: R) => WorkClass) | undefined
    : never;
};

/** Methods that answer with a stream are not here: the resources that they hold bound them. */
const CLASSES: { readonly [Family in keyof BoundFunctions]: WorkClasses<BoundFunctions[Family]> } = {
  fileQueries: {
    getFile: "lookups",
    listFiles: ({ filter }) => (filter.trim() === "" ? "pages" : "filtered reads"),
    searchFiles: "filtered reads",
    listGenerations: "pages",
    listLinks: "pages",
  },
  /** The selection of PurgeFiles is a filtered read as well. */
  fileCommands: {
    createDownloadUrl: "lookups",
    updateFile: "commands",
    deleteFile: "commands",
    undeleteFile: "commands",
    moveFile: "commands",
    restoreGeneration: "commands",
    createLink: "commands",
    revokeLink: "commands",
    copyFile: "copies",
    purgeFile: "calls to storage",
    purgeFiles: "calls to storage",
  },
  /** Parts need an upload slot each, as streams do. */
  uploads: {
    createUpload: "commands",
    completeUpload: "calls to storage",
    abortUpload: "calls to storage",
    getUpload: "calls to storage",
    signParts: "calls to storage",
    createUploadToken: "commands",
    admitPart: undefined,
    writePart: undefined,
  },
  /** Namespaces are read from memory, after a look at what has changed; usage counts all rows of one. */
  namespaces: {
    createNamespace: "commands",
    getNamespace: "lookups",
    listNamespaces: "lookups",
    updateNamespace: "commands",
    deleteNamespace: "commands",
    getResidencyReport: "filtered reads",
    getUsage: "filtered reads",
    getGrants: "lookups",
    setGrants: "commands",
  },
  /** A watch has limits of its own. */
  events: { listEvents: "pages" },
  /** A namespace has few subscriptions. */
  subscriptions: {
    createSubscription: "commands",
    getSubscription: "lookups",
    listSubscriptions: "lookups",
    updateSubscription: "commands",
    deleteSubscription: "commands",
    redeliverEvents: "commands",
  },
  /** A page of entries reads as many as a filtered read does. */
  audit: {
    listAuditEntries: "filtered reads",
    getInclusionProof: "calls to storage",
  },
  /** An erasure waits for storage for as long as it takes. */
  privacy: {
    exportDataSubject: "filtered reads",
    eraseDataSubject: "calls to storage",
  },
  /** Operations do their work in a job, which bounds it. */
  jobs: {
    listJobs: "pages",
    startPurge: "commands",
    startCopy: "commands",
    startAuditExport: "commands",
    getOperation: "lookups",
    listOperations: "pages",
    waitOperation: "waits for operations",
    cancelOperation: "commands",
  },
};

/** The limiters of a process. */
export function createWorkLimiters(limits: Readonly<Record<WorkClass, WorkLimits>> = WORK_LIMITS): WorkLimiters {
  const entries = Object.entries(limits).map(([name, each]) => [name, new WorkLimiter(name, each)]);
  return Object.fromEntries(entries) as WorkLimiters;
}

/**
 * The same functions with limits: a call begins when its class has a slot for its caller. All faces of the API meet here. A
 * call that finds too many others waiting ends with `resource_exhausted / OVERLOADED`.
 */
export function limitWork(functions: BoundFunctions, limiters: WorkLimiters): BoundFunctions {
  return mapFamilies(functions, (each, family) => limitFunctions(each, CLASSES[family], limiters));
}

type Call = (request: unknown, options: CallOptions) => Promise<unknown>;

type Classes = Readonly<Record<string, WorkClass | ((request: never) => WorkClass) | undefined>>;

function limitFunctions<F extends object>(functions: F, classes: Classes, limiters: WorkLimiters): F {
  const limited = { ...functions } as Record<string, Call>;
  for (const [name, workClass] of Object.entries(classes)) {
    const work = limited[name] as Call;
    if (workClass === undefined) continue;
    limited[name] = (request, options) => {
      const limiter = limiters[typeof workClass === "function" ? workClass(request as never) : workClass];
      return limiter.run(options.caller.principal, () => work(request, options), { signal: options.signal });
    };
  }
  return limited as F;
}
