import { Writable } from "node:stream";
import { expect } from "chai";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { handleOutputErrors } from "./output-errors.ts";

describe("handleOutputErrors", () => {
  /** The exit codes of a command whose standard output fails with `code`, and what it printed. */
  function fail(args: string[], code: string) {
    const exits: number[] = [];
    const stdout = new Writable();
    const stderr = captureText();
    handleOutputErrors({ stdout, stderr }, args, (exitCode) => exits.push(exitCode));
    stdout.emit("error", Object.assign(new Error("write failed"), { code }));
    return { exits, said: stderr.text() };
  }

  it("ends what is there for its output, quietly, when nobody reads it", () => {
    expect(fail(["ls", "a/"], "EPIPE")).to.deep.equal({ exits: [0], said: "" });
    expect(fail(["download", "a", "-"], "EPIPE")).to.deep.equal({ exits: [0], said: "" });
    expect(fail(["watch", "id"], "EPIPE")).to.deep.equal({ exits: [1], said: "" });
  });

  it("lets what does something go on", () => {
    for (const args of [["upload", "a", "--json"], ["download", "a", "b"], ["rm", "a"], ["doctor"], []]) {
      expect(fail(args, "EPIPE"), args.join(" ")).to.deep.equal({ exits: [], said: "" });
    }
  });

  it("says that a disk is full", () => {
    const said = "sluice: standard output cannot be written: ENOSPC\n";
    expect(fail(["ls"], "ENOSPC")).to.deep.equal({ exits: [1], said });
  });

  it("does not mind that nobody reads notes", () => {
    const stderr = new Writable();
    handleOutputErrors({ stdout: new Writable(), stderr }, ["ls"], () => expect.fail("it ended"));
    stderr.emit("error", new Error("EPIPE"));
  });
});
