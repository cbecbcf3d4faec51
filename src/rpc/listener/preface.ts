import type { Socket } from "node:net";

/** What every HTTP/2 connection begins with (RFC 9113, 3.4), as far as it needs reading: no HTTP/1.1 request does. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n");

/**
 * Tells by the first bytes of a plaintext connection which protocol it speaks, puts them back, and hands it on. The
 * first byte that differs from HTTP/2's preface decides for HTTP/1.1. A connection that stays undecided for
 * `timeoutMs` is closed: it would otherwise be held for nothing.
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
    // Paused, so that nothing arrives between putting the bytes back and the next reader.
    socket.pause();
    socket.unshift(received);
    if (isHttp2) {
      // HTTP/1.1 servers let a caller close its half first; an HTTP/2 session would outlive such a caller unseen.
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
