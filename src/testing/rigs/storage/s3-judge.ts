import { CreateBucketCommand } from "@aws-sdk/client-s3";
import type { Tool } from "../tools/find-tool.ts";
import { startTool } from "../tools/tool-process.ts";
import { createTestAccess, type S3Endpoint } from "./s3-subject.ts";

/** An S3 server that is not ours and so can judge our idea of S3: how to find and start it. */
export interface S3JudgeRecipe {
  tool: Tool;
  /** Its command line, for a port of 127.0.0.1 and an empty folder. */
  args: (at: { port: number; directory: string; credentials: Credentials }) => Promise<string[]>;
  env?: (credentials: Credentials) => Record<string, string>;
}

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** A running one. */
export interface S3Judge {
  /** Its bucket exists. */
  endpoint: S3Endpoint;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

const CREDENTIALS: Credentials = { accessKeyId: "judge-access-key", secretAccessKey: "judge-secret-key" };

/**
 * Starts an S3 server of others'. Resolves to a sentence that says what is missing, or of another version than the one that its
 * exceptions are of.
 */
export async function startS3Judge({ tool, args, env }: S3JudgeRecipe): Promise<S3Judge | string> {
  const toEndpoint = (url: string) => ({ ...CREDENTIALS, url, region: "eu-central-1", bucket: "sluice-contract" });
  const judge = await startTool({
    tool,
    args: (at) => args({ ...at, credentials: CREDENTIALS }),
    env: env?.(CREDENTIALS) ?? {},
    // A server is ready when it has made a bucket: some servers answer long before they can do that.
    use: (url) => createBucket(toEndpoint(url)),
  });
  return typeof judge === "string" ? judge : { endpoint: toEndpoint(judge.url), stop: judge.stop };
}

/** Creates the endpoint's bucket, with Object Lock if it is to have that. */
export async function createBucket(endpoint: S3Endpoint, { hasObjectLock = false } = {}): Promise<void> {
  const { access, close } = createTestAccess(endpoint);
  const lock = hasObjectLock ? { ObjectLockEnabledForBucket: true } : {};
  try {
    await access.client.send(new CreateBucketCommand({ Bucket: endpoint.bucket, ...lock }));
  } finally {
    close();
  }
}
