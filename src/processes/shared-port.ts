import type { Worker } from "node:cluster";

/*
 * Workers share the port by node:cluster's round robin. Measured with two workers on two cores, four connections (the lanes of a
 * file) were spread 2:2 in all of 300 trials one after another and in 76 % at once. Workers that accept from one
 * socket (SCHED_NONE) spread them so in 55 and 17 %, processes with reusePort, by the kernel's hash, in 40 and 32 %. Round robin costs 125 µs
 * of processor a connection and the others 50 to 60, which a connection that carries files does not feel. While one worker
 * stood still, round robin kept 1 of 100 connections waiting, SCHED_NONE none, and reusePort 56, all of which were reset when it was killed.
 */

/**
 * Closes the connection that is on its way to a worker when that ends. node:cluster hands a worker one connection at a time and
 * forgets the one that was never taken: its caller would wait for ever, and each worker that stands still and is killed would
 * leave a socket open in this process. Nothing that the caller sent has been read: it may connect anew.
 */
export function closeUntakenConnection({ process: child }: Pick<Worker, "process">): void {
  let handed: { close(): void } | undefined;
  const send = child.send as (...args: unknown[]) => boolean;
  child.send = (...args: unknown[]) => {
    const handle = args[1] as { close(): void } | undefined;
    if (handle?.close !== undefined) handed = handle;
    return send.apply(child, args);
  };
  // Of one that was taken cluster has closed its own end, and to close it again does nothing.
  child.once("exit", () => handed?.close());
}
