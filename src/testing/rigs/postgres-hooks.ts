/**
 * Mocha's root hooks (.mocharc.json requires this file): what test files share is ended after the last of them. Imported
 * when needed only, so that runs without a database do not load its drivers.
 */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    const { stopTestPostgres } = await import("./postgres.ts");
    await stopTestPostgres();
  },
};
