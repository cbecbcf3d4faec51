import { execFile } from "node:child_process";
import { access, constants, mkdtemp } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type BenchProcess, startProcess } from "../machine/child-process.ts";
import { freePort } from "../machine/free-port.ts";
import { type Contender, findTlsProblem, type Stage, sinkOf, startClient, type TlsSides } from "../stage/contender.ts";
import { sinkBucket, sinkCredentials, sinkRegion } from "../stage/sink-client.ts";

/** tusd 2, the tus project's Go server, with its defaults. */
export const tusd: Contender = { id: "tusd", title: "tusd (Go)", ...server("none", []) };

const UNHASHED = ["-s3-disable-content-hashes"];
/** tusd without the MD5 and SHA-256 of what it sends: this is its fastest setting, in which nothing checks the bytes. */
export const tusdUnhashed: Contender = {
  id: "tusd-unhashed",
  title: "tusd, content hashes off",
  ...server("none", UNHASHED),
  note: "checks nothing",
};

/** tusd without content hashes, with TLS 1.3 on both sides. */
export const tusdUnhashedTls: Contender = {
  id: "tusd-unhashed-tls",
  title: "tusd, content hashes off, TLS in and out",
  ...server("both", UNHASHED),
  note: "checks nothing",
};

function server(tls: TlsSides, options: readonly string[]): Pick<Contender, "tls" | "note" | "start"> {
  return {
    tls,
    note: "one PATCH over HTTP/1.1; keeps parts in temporary files",
    async start(stage) {
      const started = await startTusd(stage, tls, options);
      if (typeof started === "string") return started;
      const { process: measured, url } = started;
      const client = await startClient(new URL("../clients/tus-client.ts", import.meta.url), url, stage);
      return { measured, client };
    },
  };
}

/** Starts tusd with these options, or resolves with the sentence that says why this machine cannot. */
export async function startTusd(
  stage: Stage,
  tls: TlsSides,
  options: readonly string[],
): Promise<{ process: BenchProcess; url: string } | string> {
  const problem = findTlsProblem(stage, tls);
  if (problem !== undefined) return problem;
  const program = await findTusd();
  if (program === undefined) return "tusd is not installed (go install github.com/tus/tusd/v2/cmd/tusd@latest)";
  // tusd does not tell which port it got for port 0, so a free port is picked for it.
  const port = await freePort();
  const bytes = String(stage.partSizeBytes);
  const args = ["-host", "127.0.0.1", "-port", String(port), "-verbose=false", "-s3-part-size", bytes];
  const storage = ["-s3-bucket", sinkBucket, "-s3-endpoint", sinkOf(stage, tls), ...options];
  const { certPath = "", keyPath = "" } = stage.certificate ?? {};
  const served = ["-tls-certificate", certPath, "-tls-key", keyPath, "-tls-mode", "tls13"];
  const process = startProcess(program, {
    args: [...args, ...storage, ...(tls === "both" ? served : [])],
    env: {
      ...(tls !== "none" && { AWS_CA_BUNDLE: certPath, SSL_CERT_FILE: certPath }),
      AWS_ACCESS_KEY_ID: sinkCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: sinkCredentials.secretAccessKey,
      AWS_REGION: sinkRegion,
      TMPDIR: await mkdtemp(join(stage.directory, "tusd-")),
    },
  });
  await process.said("You can now upload files");
  return { process, url: `${tls === "both" ? "https" : "http"}://127.0.0.1:${port}/files/` };
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
