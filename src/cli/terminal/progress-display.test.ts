import { PassThrough } from "node:stream";
import { expect } from "chai";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { createProgressDisplay } from "./progress-display.ts";

function fakeTerminal(isTTY: { stdout: boolean; stderr: boolean }) {
  const stdout = Object.assign(captureText(), { isTTY: isTTY.stdout });
  const stderr = Object.assign(captureText(), { isTTY: isTTY.stderr, columns: 60 });
  return { stdout, stderr, stdin: new PassThrough(), env: {}, signal: new AbortController().signal };
}

const state = (receivedBytes: number) => ({ label: "x", receivedBytes, bytesPerSecond: 0 });

describe("createProgressDisplay", () => {
  it("draws a bar at most every 100 ms, but always what is important, and clears it", () => {
    const terminal = fakeTerminal({ stdout: true, stderr: true });
    let now = 0;
    const display = createProgressDisplay(terminal, { json: false }, () => now);
    for (now = 0; now <= 200; now += 50) display.update(state(now), {});
    display.update(state(999), {}, true);
    display.clear();
    display.clear();
    const drawn = terminal.stderr.text();
    expect(drawn.match(/received \d+ B/g)).to.deep.equal([
      "received 0 B",
      "received 100 B",
      "received 200 B",
      "received 999 B",
    ]);
    expect(drawn.endsWith("\r\u001b[K")).to.equal(true);
  });

  it("draws nothing where the terminal has no width, until it has one", () => {
    const terminal = fakeTerminal({ stdout: true, stderr: true });
    const display = createProgressDisplay(terminal, { json: false });
    for (const columns of [0, undefined]) {
      Object.assign(terminal.stderr, { columns });
      display.update(state(1), {}, true);
    }
    display.clear();
    expect(terminal.stderr.text()).to.equal("");
    Object.assign(terminal.stderr, { columns: 60 });
    display.update(state(1), {});
    expect(terminal.stderr.text()).to.contain("received 1 B");
  });

  it("prints JSON lines at most every 500 ms, but always what is important", () => {
    const terminal = fakeTerminal({ stdout: false, stderr: true });
    let now = 0;
    const display = createProgressDisplay(terminal, { json: true }, () => now);
    for (now = 0; now <= 1000; now += 100) display.update(state(now), { receivedBytes: now });
    display.update(state(1001), { receivedBytes: 1001 }, true);
    display.clear();
    const lines = terminal.stdout.text().trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).to.deep.equal([
      { type: "progress", receivedBytes: 0 },
      { type: "progress", receivedBytes: 500 },
      { type: "progress", receivedBytes: 1000 },
      { type: "progress", receivedBytes: 1001 },
    ]);
  });

  it("says notes above the bar, and nowhere else", () => {
    const terminal = fakeTerminal({ stdout: true, stderr: true });
    const display = createProgressDisplay(terminal, { json: false });
    display.update(state(1), {});
    display.note("upload 7");
    display.update(state(2), {}, true);
    expect(terminal.stderr.text()).to.contain("\r\u001b[Kupload 7\n\rx  received 2 B");
    const [piped, json] = [
      fakeTerminal({ stdout: false, stderr: false }),
      fakeTerminal({ stdout: true, stderr: true }),
    ];
    createProgressDisplay(piped, { json: false }).note("upload 7");
    createProgressDisplay(json, { json: true }).note("upload 7");
    expect(piped.stderr.text() + json.stderr.text() + json.stdout.text()).to.equal("");
  });

  it("is quiet where nobody watches, and draws beside data that goes to standard output", () => {
    const piped = fakeTerminal({ stdout: false, stderr: true });
    createProgressDisplay(piped, { json: false }).update(state(1), {}, true);
    expect(piped.stderr.text()).to.equal("");
    createProgressDisplay(piped, { json: false, stdoutIsData: true }).update(state(1), {}, true);
    expect(piped.stderr.text()).to.contain("received 1 B");
  });
});
