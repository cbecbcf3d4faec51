import type { SourceFile } from "./source-file.ts";

/** A rule for the files that a process loads as it starts with `entry`: some must not be loaded before they are needed. */
export interface LoadRule {
  entry: string;
  /** Files or folders (with a "/" at their end) from the top of the repository, and npm packages. */
  without: readonly string[];
  why: string;
}

/** The reason: memory that every process would spend for something that few calls need. */
export const LOAD_RULES: readonly LoadRule[] = [
  {
    entry: "src/composition/app.ts",
    without: [
      "src/aws/",
      "src/cli/",
      "src/client/",
      "src/devstack/",
      "yaml",
      "commander",
      "jose",
      "pino-pretty",
      "@opentelemetry/sdk-node",
    ],
    why: "workers serve uploads: the rest is loaded by the call that needs it",
  },
  {
    entry: "src/cli/main.ts",
    without: ["src/composition/app.ts", "src/aws/", "src/client/client.ts", "src/postgres/", "src/s3/", "slonik", "pg"],
    why: "a command loads what it does, and no other's",
  },
  {
    entry: "src/client/client.ts",
    without: ["src/client/iam-token.ts", "@aws-sdk", "@smithy"],
    why: "most callers have tokens of an issuer, and a browser has no AWS credentials",
  },
  {
    entry: "src/processes/cluster-main.ts",
    without: [
      "src/composition/app.ts",
      "src/processes/serve.ts",
      "src/cli/",
      "src/config/config.ts",
      "src/telemetry/",
      "pino",
      "zod",
      "commander",
    ],
    why: "the process that only supervises workers is to be small",
  },
];

/** The imports by which an entry breaks its rule, each as the sentence that says through which files. */
export function findLoadBreaches(files: readonly SourceFile[], { entry, without, why }: LoadRule): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  if (!byPath.has(entry)) return [`${entry} does not exist; mend the rule in load-rules.ts`];
  const done = new Set<string>();
  const sentences: string[] = [];
  const visit = (path: string, above: readonly string[]): void => {
    if (done.has(path)) return;
    done.add(path);
    for (const { target, isTypeOnly, isLate } of byPath.get(path)?.imports ?? []) {
      if (isTypeOnly || isLate) continue;
      const way = [...above, target];
      const breach = without.find((one) => target === one || target.startsWith(one.endsWith("/") ? one : `${one}/`));
      if (breach === undefined) visit(target, way);
      else sentences.push(`${way.join(" -> ")}: is loaded at once; load it late with import(): ${why}`);
    }
  };
  visit(entry, [entry]);
  return sentences;
}
