import { expect } from "chai";
import { renderBar } from "./progress-bar.ts";

const MIB = 2 ** 20;
const state = {
  label: "a.bin",
  receivedBytes: 60 * MIB,
  durableBytes: 30 * MIB,
  totalBytes: 120 * MIB,
  bytesPerSecond: 20 * MIB,
  etaMs: 3000,
};

describe("renderBar", () => {
  it("shows durable and received bytes at two heights, rate and rest", () => {
    const line = renderBar(state, 140);
    expect(line).to.contain(`${"█".repeat(7)}${"▒".repeat(8)}${"░".repeat(15)} 25 %`);
    expect(line).to.contain("received 60 MiB, durable 30 MiB of 120 MiB  20 MiB/s  ETA 0:03");
  });

  it("gives the bar up, then the end of the line, where the terminal is narrow", () => {
    expect(renderBar(state, 80)).to.match(/^a.bin {2}25 % {2}received/);
    expect(renderBar(state, 20)).to.have.length(19).and.to.match(/…$/);
  });

  it("fits a terminal of any width, also of none", () => {
    for (let columns = 0; columns <= 150; columns++) {
      for (const totalBytes of [undefined, 0, 120 * MIB]) {
        expect(renderBar({ ...state, totalBytes }, columns).length, `${columns}`).to.be.at.most(
          Math.max(0, columns - 1),
        );
      }
    }
  });

  it("holds out amounts that pass one another", () => {
    const line = renderBar({ ...state, receivedBytes: 5, durableBytes: 130 * MIB }, 140);
    expect(line).to.contain(`${"█".repeat(30)}100 %`);
  });

  it("shows no bar and no rest for what has no known end", () => {
    const line = renderBar({ label: "-", receivedBytes: 5, durableBytes: 0, bytesPerSecond: 1 }, 100);
    expect(line).to.equal("-  received 5 B, durable 0 B  1 B/s");
  });

  it("shows a download by what is received, an empty file as whole, and a note instead of a rate", () => {
    const line = renderBar({ label: "x", receivedBytes: 0, totalBytes: 0, bytesPerSecond: 0, note: "verifying" }, 100);
    expect(line).to.contain("100 %  received 0 B of 0 B  verifying");
  });
});
