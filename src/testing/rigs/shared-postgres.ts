import { SHARED_SERVER, startTestServer } from "./database/postgres.ts";

let stop: (() => Promise<void>) | undefined;

/**
 * For runs of test files side by side (`mocha --parallel --require` this file): starts one PostgreSQL before the first
 * process, whose URLs all of them find in their environment. Each would start one for every file else.
 */
export async function mochaGlobalSetup(): Promise<void> {
  const server = await startTestServer();
  process.env[SHARED_SERVER] = JSON.stringify({ url: server.url, testUrl: server.testUrl });
  stop = server.stop;
}

/** Ends it after the last process. */
export async function mochaGlobalTeardown(): Promise<void> {
  delete process.env[SHARED_SERVER];
  await stop?.();
}
