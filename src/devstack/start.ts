import { join, resolve } from "node:path";
import { findLeader, onceOrphaned } from "../processes/once-stopped.ts";
import { parseCommandLine } from "./command-line.ts";
import { toHandedOn } from "./handed-on.ts";
import { startStack } from "./stack.ts";
import { openStackLog } from "./stack-log.ts";
import { loadStackSecrets } from "./stack-secrets.ts";
import { isPortFree } from "./tcp-port.ts";

/* `npm start`: the whole stack on fixed ports, its data in `.sluice/` of the working folder, until it is told to stop. */

const values = parseCommandLine({
  usage: "npm start -- [options]\n\nPostgreSQL 15, a development S3 server and Sluice, until Ctrl-C.",
  options: {
    port: { default: "8080", help: "port of the service; the two above it are those of S3 and the database" },
    directory: { default: ".sluice", help: "where data and log are kept" },
  },
});
const port = Number(values.port);
const ports = { service: port, s3: port + 1, database: port + 2 };
const directory = resolve(values.directory);

function fail(sentence: string, exitCode: number): never {
  console.error(sentence);
  process.exit(exitCode);
}

if (!Number.isInteger(port) || port < 1 || port > 65_533)
  fail(`"${values.port}" is no port; give one from 1 to 65533`, 2);
try {
  toHandedOn(process.env);
} catch (error) {
  fail((error as Error).message, 2);
}
for (const taken of Object.values(ports)) {
  if (!(await isPortFree(taken))) {
    fail(`port ${taken} is in use; stop what uses it, or take other ports with: npm start -- --port ${port + 1000}`, 1);
  }
}

const stopping = Promise.withResolvers<string | undefined>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.resolve(undefined));
onceOrphaned(findLeader(process.env)).then(() => stopping.resolve(undefined));

console.log("Starting PostgreSQL 15, a development S3 server and Sluice …");
const secrets = await loadStackSecrets(directory).catch((error: Error) => fail(error.message, 1));
const log = openStackLog(join(directory, "stack.log"), (sentence) => console.error(sentence));
const stack = await startStack({
  directory,
  ports,
  ...secrets,
  environment: process.env,
  onLine: (name, line) => log.write(`${name}: ${line}`),
}).catch((error: Error) =>
  fail(`the stack did not start (its log is ${join(directory, "stack.log")}):\n  ${error.message}`, 1),
);
stack.ended.then((sentence) => stopping.resolve(sentence));

const authorization = `authorization: Bearer ${stack.token}`;
console.log(`
Sluice serves on ${stack.url}
  token     ${stack.token}
  S3        ${stack.s3Url} (bucket "sluice")
  database  127.0.0.1:${ports.database}
  data      ${directory} (log: stack.log)

Try, in another terminal:
  export SLUICE_URL=${stack.url} SLUICE_TOKEN=${stack.token}
  npx sluice upload README.md docs/
  npx sluice ls
  npx sluice download docs/README.md - | head
  grpcurl -plaintext -H '${authorization}' -d '{"namespace":"default"}' 127.0.0.1:${port} sluice.v1.FileQueryService/ListFiles
  curl -s -H '${authorization}' -H 'content-type: application/json' -d '{"namespace":"default"}' \\
    ${stack.url}/sluice.v1.FileQueryService/ListFiles

Ctrl-C stops it; what was uploaded stays.`);

const failure = await stopping.promise;
console.log(failure === undefined ? "\nStopping …" : `\n${failure}`);
await stack.stop();
log.end();
process.exitCode = failure === undefined ? 0 : 1;
