import type { Socket } from "node:net";

/** The beginning of every HTTP/2 connection (RFC 9113, 3.4), as far as it must be read: no HTTP/1.1 request begins so. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n");

/**
 * Tells by the first bytes of a plaintext connection which protocol it speaks, puts them back, and hands the connection on.
 * The first byte that differs from HTTP/2's preface decides for HTTP/1.1. A connection that stays undecided for `timeoutMs`
 * is closed, because it would be held for nothing.
 */
export function routeByPreface(
  socket: Socket,
  options: { timeoutMs: number; onHttp1: () => void; onHttp2: () => void },
): void {
  let received: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), options.timeoutMs);
  const stop = () => {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("close", stop);
    socket.off("end", onEnd);
  };
  const onEnd = () => socket.destroy();
  const onData = (bytes: Buffer) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    const length = Math.min(received.length, PREFACE.length);
    const isHttp2 = PREFACE.compare(received, 0, length, 0, length) === 0;
    if (isHttp2 && length < PREFACE.length) return;
    stop();
    // The socket is paused, so that nothing arrives before the next reader takes over.
    socket.pause();
    socket.unshift(received);
    if (isHttp2) {
      // An HTTP/1.1 server lets a caller close its half first. An HTTP/2 session would outlive such a caller unnoticed.
      socket.allowHalfOpen = false;
      options.onHttp2();
    } else {
      options.onHttp1();
      socket.resume();
    }
  };
  socket.on("data", onData);
  socket.once("close", stop);
  socket.once("end", onEnd);
}
