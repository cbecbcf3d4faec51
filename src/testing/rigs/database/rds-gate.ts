import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { parseRequestTarget } from "../../../devstack/s3-server/protocol/request-target.ts";
import { verifySignature } from "../../../devstack/s3-server/protocol/sigv4.ts";
import type { TlsCertificate } from "../tls-certificate.ts";

/** How RDS's front is played. */
export interface RdsGateOptions {
  certificate: TlsCertificate;
  /** The key of the only principal that IAM lets in. */
  credentials: { accessKeyId: string; secretAccessKey: string };
  region: string;
  /** The users of the database that have rds_iam; others are asked for a password that nobody has. */
  iamUsers: readonly string[];
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** A PostgreSQL that takes tokens of RDS IAM alone. */
export interface RdsGate {
  /** postgres://127.0.0.1:port/database, without a user. */
  readonly url: URL;
  /** The tokens that came, in order, and how many logins succeeded. */
  readonly seen: { tokens: string[]; logins: number };
  /** The port of the server behind; 0 while there is none. */
  serverPort: number;
  /** Ends all connections, as a failover does. */
  cut(): void;
  stop(): Promise<void>;
}

const TLS_REQUEST_BYTES = 8;
const INVALID_AUTHORIZATION = "28000";
const INVALID_PASSWORD = "28P01";

/**
 * Plays what RDS has in front of PostgreSQL, which cannot be had outside of AWS: it speaks TLS and the first messages of the protocol
 * (https://www.postgresql.org/docs/15/protocol-flow.html), asks for the password in clear as PAM does, verifies it as a token by SigV4
 * and its 15 minutes, and then hands everything to a real server, which trusts whoever comes from here.
 */
export async function startRdsGate(serverPort: number, options: RdsGateOptions): Promise<RdsGate> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    admit(gate, options, socket).catch(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const gate: RdsGate = {
    url: new URL(`postgres://127.0.0.1:${(server.address() as AddressInfo).port}/sluice`),
    seen: { tokens: [], logins: 0 },
    serverPort,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      gate.cut();
      server.close();
      await once(server, "close");
    },
  };
  return gate;
}

async function admit(gate: RdsGate, options: RdsGateOptions, socket: Socket): Promise<void> {
  await readBytes(socket, TLS_REQUEST_BYTES);
  socket.write("S");
  const secureContext = createSecureContext({ ...options.certificate });
  const secured = new TLSSocket(socket, { isServer: true, secureContext });
  secured.on("error", () => undefined);
  const startup = await readMessage(secured);
  const parameters = startup.subarray(TLS_REQUEST_BYTES).toString().split("\0");
  const user = parameters[parameters.indexOf("user") + 1] ?? "";
  secured.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
  await readBytes(secured, 1);
  const token = (await readMessage(secured)).subarray(4, -1).toString();
  gate.seen.tokens.push(token);
  if (!options.iamUsers.includes(user)) {
    secured.end(toFatal(INVALID_PASSWORD, `password authentication failed for user "${user}"`));
  } else if (!isValid(token, { gate, options, user })) {
    secured.end(toFatal(INVALID_AUTHORIZATION, `PAM authentication failed for user "${user}"`));
  } else {
    const behind = connect(gate.serverPort, "127.0.0.1");
    behind.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("close", () => behind.destroy());
    behind.write(startup);
    secured.pipe(behind).pipe(secured);
    gate.seen.logins++;
  }
}

/** A token is a presigned request for the action `connect`, without its scheme, for this host, port and user. */
function isValid(token: string, login: { gate: RdsGate; options: RdsGateOptions; user: string }): boolean {
  const { gate, options, user } = login;
  const { host, pathname, search } = new URL(`https://${token}`);
  const target = parseRequestTarget(pathname + search);
  const { credentials, region, now } = options;
  if (host !== gate.url.host || target.query.get("Action") !== "connect") return false;
  if (target.query.get("DBUser") !== user) return false;
  const request = { method: "GET", headers: { host }, headersDistinct: { host: [host] } };
  const authority = { ...credentials, service: "rds-db" as const, region, now };
  const places = { servesRegion: (name: string) => name === region, regionOf: () => region };
  try {
    verifySignature(request as unknown as IncomingMessage, target, { ...authority, ...places });
    return true;
  } catch {
    return false;
  }
}

/** A message after its type: four bytes that say how long it is, themselves counted, and the rest. */
async function readMessage(socket: Socket): Promise<Buffer> {
  const length = await readBytes(socket, 4);
  return Buffer.concat([length, await readBytes(socket, length.readInt32BE() - 4)]);
}

async function readBytes(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(count);
    if (bytes !== null) return bytes;
    if (socket.destroyed || socket.readableEnded) throw new Error("the connection has ended");
    await Promise.race([once(socket, "readable"), once(socket, "close")]);
  }
}

/** ErrorResponse with severity, SQLSTATE and message. */
function toFatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
