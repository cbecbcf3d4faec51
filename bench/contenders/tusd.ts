import { execFile } from "node:child_process";
import { access, constants, mkdtemp } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { startProcess } from "../child-process.ts";
import { type Contender, startClient } from "../contender.ts";
import { freePort } from "../free-port.ts";
import { sinkBucket, sinkCredentials, sinkRegion } from "../sink-client.ts";

/** tusd 2, the tus project's Go server, with its defaults. */
export const tusd: Contender = { id: "tusd", title: "tusd (Go)", ...server([]) };

/** tusd without the MD5 and SHA-256 of what it sends: this is its fastest setting. */
export const tusdUnhashed: Contender = {
  id: "tusd-unhashed",
  title: "tusd, content hashes off",
  ...server(["-s3-disable-content-hashes"]),
};

function server(options: readonly string[]): Pick<Contender, "tls" | "note" | "start"> {
  return {
    tls: false,
    note: "one PATCH over HTTP/1.1; keeps parts in temporary files",
    async start(stage) {
      const program = await findTusd();
      if (program === undefined) return "tusd is not installed (go install github.com/tus/tusd/v2/cmd/tusd@latest)";
      // tusd does not tell which port it got for port 0, so a free port is picked for it.
      const port = await freePort();
      const bytes = String(stage.partSizeBytes);
      const args = ["-host", "127.0.0.1", "-port", String(port), "-verbose=false", "-s3-part-size", bytes];
      const storage = ["-s3-bucket", sinkBucket, "-s3-endpoint", stage.sinkUrl, ...options];
      const measured = startProcess(program, {
        args: [...args, ...storage],
        env: {
          AWS_ACCESS_KEY_ID: sinkCredentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: sinkCredentials.secretAccessKey,
          AWS_REGION: sinkRegion,
          TMPDIR: await mkdtemp(join(stage.directory, "tusd-")),
        },
      });
      await measured.said("You can now upload files");
      const url = `http://127.0.0.1:${port}/files/`;
      const client = await startClient(new URL("../clients/tus-client.ts", import.meta.url), url, stage);
      return { measured, client };
    },
  };
}

async function findTusd(): Promise<string | undefined> {
  const goBin = await promisify(execFile)("go", ["env", "GOPATH"]).then(
    ({ stdout }) => [join(stdout.trim(), "bin")],
    () => [],
  );
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), "/usr/local/bin", ...goBin]) {
    const program = join(folder, "tusd");
    const found = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  return undefined;
}
