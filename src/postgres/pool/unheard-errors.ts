import { Client } from "pg";

let isDone = false;
const ignore = () => {};

/**
 * Gives every connection of the process a listener of errors. slonik's driver has none on the connection by which it asks for types,
 * and takes its own away once a connection has failed or was closed. An error that the server sends then, such as the end of all
 * connections when it restarts, would have no listener, and Node would end the process with every upload in it. Whoever uses the
 * connection hears of the error as before. The second call does nothing.
 */
export function hearClientErrors(): void {
  if (isDone) return;
  isDone = true;
  const connect = Client.prototype.connect as (this: Client, ...parameters: unknown[]) => unknown;
  Client.prototype.connect = function (this: Client, ...parameters: unknown[]) {
    this.on("error", ignore);
    return connect.apply(this, parameters);
  } as typeof Client.prototype.connect;
}
