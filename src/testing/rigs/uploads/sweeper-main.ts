import { openTestSweeper, type SweeperOptions } from "./test-sweeper.ts";

/* A sweeper as a process of its own: sweeps once, prints what it did and what time it thinks it is, and ends. */
const sweeper = await openTestSweeper(JSON.parse(process.argv[2] ?? "") as SweeperOptions);
const { errors, ...uploads } = await sweeper.sweep();
const orphans = await sweeper.sweepOrphans();
const failed = [...errors, ...orphans.errors].map(String);
process.stdout.write(`${JSON.stringify({ ...orphans, ...uploads, errors: failed, now: Date.now() })}\n`);
await sweeper.close();
