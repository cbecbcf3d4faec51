import { AsyncLocalStorage } from "node:async_hooks";
import { expect } from "chai";
import { currentCall, ObservedCall } from "../../telemetry/observed-call.ts";
import { bindResult } from "./bound-stream.ts";

describe("bindResult", () => {
  const outside = AsyncLocalStorage.snapshot();
  const call = (method: string) => Object.assign(new ObservedCall("grpc", () => undefined, undefined), { method });

  it("runs a stream as a part of its call, whoever asks for the next item, and lets it end there", async () => {
    const seen: (string | undefined)[] = [];
    const note = () => void seen.push(currentCall()?.method);
    async function* items() {
      try {
        note();
        yield 1;
        await undefined;
        note();
        yield 2;
      } finally {
        note();
      }
    }
    const iterator = call("own")
      .run(() => bindResult(items()))
      [Symbol.asyncIterator]();
    expect(await outside(() => iterator.next())).to.deep.equal({ done: false, value: 1 });
    expect(await call("another").run(() => iterator.next())).to.deep.equal({ done: false, value: 2 });
    expect(await outside(() => iterator.return?.())).to.deep.equal({ done: true, value: undefined });
    expect(seen).to.deep.equal(["own", "own", "own"]);
  });

  it("leaves everything else as it is", () => {
    for (const result of [undefined, null, 1, "text", Promise.resolve(1)]) expect(bindResult(result)).to.equal(result);
  });
});
