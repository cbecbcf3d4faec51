import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { catchError } from "../../testing/samples/sample-records.ts";
import { openFileSource } from "./node-file-source.ts";

describe("openFileSource", () => {
  it("gives up waiting for the writer of a named pipe when its signal is aborted", async function () {
    if (process.platform === "win32") return this.skip();
    const directory = await mkdtemp(join(tmpdir(), "sluice-fifo-"));
    const path = join(directory, "pipe");
    await promisify(execFile)("mkfifo", [path]);
    const gone = new AbortController();
    const opening = catchError(() => openFileSource(path, { signal: gone.signal }));
    gone.abort(new Error("interrupted by SIGTERM"));
    expect(await opening).to.have.property("message", "interrupted by SIGTERM");
    // The system call still waits for a writer; this one lets it end, so that nothing is left of it.
    const writer = await open(path, "w");
    await writer.close();
    await rm(directory, { recursive: true });
  });
});
