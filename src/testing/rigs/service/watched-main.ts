import { startWatchdog } from "../../../processes/watchdog.ts";

/*
 * The process entry of a watched process of tests, with limits of its only argument. It says "ready", and answers each byte of its
 * standard input: s stands still, r stands still in a regular expression, a is answered, q ends it.
 */
startWatchdog(JSON.parse(process.argv[2] as string));
process.stdin.on("data", (bytes) => {
  for (const letter of bytes.toString()) {
    if (letter === "s") standStill();
    if (letter === "r") /^(a+)+$/.test(`${"a".repeat(100)}b`);
    if (letter === "a") process.stdout.write("answered\n");
    if (letter === "q") process.stdin.destroy();
  }
});
process.stdout.write("ready\n");

function standStill(): never {
  for (;;);
}
