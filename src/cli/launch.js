#!/usr/bin/env node
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/*
 * The program that npm links as `sluice`. It is JavaScript, which any Node from 20 on can read. It starts the real program
 * with the Node that npm has installed beside it: somebody who installed the package globally may have an older Node, which
 * cannot read TypeScript.
 */
const require = createRequire(import.meta.url);
const { optionalDependencies } = require("../../package.json");
const versions = Object.entries(optionalDependencies).filter(([name]) => name.startsWith("node-"));
const major = (version) => Number(version.split(".")[0]);

if (major(process.versions.node) >= major(versions[0][1])) await import("./main.ts");
else runByBroughtNode();

function runByBroughtNode() {
  const node = findBroughtNode();
  if (node === undefined) {
    console.error(
      `sluice: needs Node ${versions[0][1]}, and this is ${process.versions.node}; run "npm ci" in ${fileURLToPath(new URL("../..", import.meta.url))}, which brings it (without --omit=optional)`,
    );
    process.exit(1);
  }
  const args = [...process.execArgv, fileURLToPath(new URL("./main.ts", import.meta.url)), ...process.argv.slice(2)];
  // If this Node can, it becomes the other one: process, signals and parent stay the same.
  if (process.execve !== undefined && process.platform !== "win32") process.execve(node, [node, ...args], process.env);
  const child = spawn(node, args, { stdio: "inherit" });
  // A terminal sends Ctrl-C to both processes. A second one from here would cut the child's own end short.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on("SIGINT", () => onTerminal || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** The package that fits this machine: npm has installed only that one. */
function findBroughtNode() {
  for (const [name] of versions) {
    for (const file of ["node", "node.exe"]) {
      try {
        return require.resolve(`${name}/bin/${file}`);
      } catch {}
    }
  }
  return undefined;
}
