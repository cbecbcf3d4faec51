import { once } from "node:events";
import { connect, type Socket } from "node:net";

const FRAME_HEADER_BYTES = 9;
/** Types of frames, and the flags of those that are sent here (RFC 9113, 6). */
const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 8];
const [END_STREAM, END_HEADERS, ACK] = [1, 4, 1];
const CANCEL = 8;
const INITIAL_WINDOW_SIZE = 4;
/** Indexed header fields of the static table (RFC 7541, A): `:method: GET`, `:scheme: http`. */
const INDEXED = Buffer.from([0x82, 0x86]);

/** A caller over plaintext HTTP/2 that opens its windows as wide as it may, and reads nothing of its connection until it is told to. */
export class UnreadHttp2 {
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async connect(url: string): Promise<UnreadHttp2> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.pause();
    const windowBytes = 2 ** 31 - 1;
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE);
    settings.writeUInt32BE(windowBytes, 2);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // The connection's own window begins at 65,535 bytes.
    for (const frame of [
      toFrame(SETTINGS, 0, settings),
      toFrame(WINDOW_UPDATE, 0, toBytes(windowBytes - 65_535)),
      toFrame(SETTINGS, 0, Buffer.alloc(0), ACK),
    ])
      socket.write(frame);
    return new UnreadHttp2(socket);
  }

  /** Begins a GET on a stream; the ids of a caller's streams are odd and grow. */
  get(streamId: number, path: string, headers: Readonly<Record<string, string>> = {}): void {
    const fields = Object.entries({ ":path": path, ":authority": "test", ...headers }).map(toField);
    this.socket.write(toFrame(HEADERS, streamId, Buffer.concat([INDEXED, ...fields]), END_STREAM | END_HEADERS));
  }

  cancel(streamId: number): void {
    this.socket.write(toFrame(RST_STREAM, streamId, toBytes(CANCEL)));
  }

  ping(): void {
    this.socket.write(toFrame(PING, 0, Buffer.alloc(8)));
  }

  /** Reads the connection to its end. Resolves to the bytes of all DATA frames. */
  async readData(): Promise<Buffer> {
    const received: Buffer[] = [];
    this.socket.on("data", (bytes: Buffer) => received.push(bytes)).resume();
    await once(this.socket, "close");
    const all = Buffer.concat(received);
    const data: Buffer[] = [];
    for (let at = 0; at + FRAME_HEADER_BYTES <= all.length; ) {
      const end = at + FRAME_HEADER_BYTES + all.readUIntBE(at, 3);
      if (all[at + 3] === DATA) data.push(all.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    return Buffer.concat(data);
  }
}

function toFrame(type: number, streamId: number, payload: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

function toBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A field that no table keeps (RFC 7541, 6.2.2), without Huffman's code; name and value of less than 254 bytes. */
function toField([name, value]: [string, string]): Buffer {
  const toText = (text: string) => {
    const length = text.length < 127 ? [text.length] : [127, text.length - 127];
    return Buffer.concat([Buffer.from(length), Buffer.from(text)]);
  };
  return Buffer.concat([Buffer.from([0]), toText(name), toText(value)]);
}
