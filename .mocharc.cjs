const { availableParallelism } = require("node:os");

module.exports = {
  extension: ["ts"],
  require: ["./src/testing/rigs/postgres-hooks.ts"],
  // Against tests that would never end. No test sets another one, and none is decided by it.
  timeout: 240_000,
  slow: 1000,
  "forbid-only": true,
  // Of --parallel. Tests wait for processes and sockets: one file more than there are cores keeps the cores at work.
  jobs: availableParallelism() + 1,
};
