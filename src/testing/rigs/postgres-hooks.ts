/**
 * Mocha's root hooks (.mocharc.cjs requires this file): servers that test files share are ended after the last of them.
 * The drivers are imported only when needed, so that runs without a database do not load them.
 */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    const { stopTestPostgres } = await import("./database/postgres.ts");
    await stopTestPostgres();
  },
};
