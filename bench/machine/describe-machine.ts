import { cpus, release, totalmem } from "node:os";

/** Date, processors, memory and software: without them no figure means anything. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const software = `Node ${process.versions.node}, Linux ${release()}`;
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpu?.model ?? "cpu"}, ${memory}, ${software}`;
}
