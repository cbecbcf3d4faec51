import type { Worker } from "node:cluster";

/*
 * Workers share the port by node:cluster's round robin. Measured with two workers on two cores: four connections (the lanes
 * of a file) were spread 2:2 in all of 300 trials when they came one after another, and in 76 % when they came at once. When
 * workers accept from one socket (SCHED_NONE), the shares are 55 and 17 %; with processes that use reusePort, and so the
 * kernel's hash, they are 40 and 32 %. Round robin costs 125 µs of processor time a connection and the others 50 to 60, which
 * makes no difference to a connection that carries files. While one worker stood still, round robin kept 1 of 100 connections
 * waiting, SCHED_NONE none, and reusePort 56; those were all reset when the worker was killed.
 */

/**
 * Closes the connection that is on its way to a worker when the worker ends. node:cluster hands a worker one connection at a time
 * and forgets a connection that was never taken. Its caller would wait for ever, and each worker that stands still and is killed
 * would leave a socket open in this process. Nothing from the caller has been read, so the caller may connect again.
 */
export function closeUntakenConnection({ process: child }: Pick<Worker, "process">): void {
  let handed: { close(): void } | undefined;
  const send = child.send as (...args: unknown[]) => boolean;
  child.send = (...args: unknown[]) => {
    const handle = args[1] as { close(): void } | undefined;
    if (handle?.close !== undefined) handed = handle;
    return send.apply(child, args);
  };
  // When the worker took the connection, cluster has already closed its own end; closing it again does nothing.
  child.once("exit", () => handed?.close());
}
