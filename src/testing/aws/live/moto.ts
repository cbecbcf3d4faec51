import { TOOLS } from "../../rigs/tools/find-tool.ts";
import { startTool, type ToolProcess } from "../../rigs/tools/tool-process.ts";

/**
 * A running moto_server: AWS's APIs (S3, IAM, STS and more) in memory, by somebody else. One address serves all of them,
 * and any credentials are right.
 */
export interface Moto extends ToolProcess {
  /** Forgets every bucket, role and policy. */
  reset(): Promise<void>;
}

/** Starts the pinned moto_server. Resolves to a sentence that says what is missing or of another version. */
export async function startMoto(): Promise<Moto | string> {
  const moto = await startTool({
    tool: TOOLS.moto,
    args: ({ port }) => ["-H", "127.0.0.1", "-p", String(port)],
    // Without credentials of its own moto would look for real ones.
    env: { AWS_ACCESS_KEY_ID: "moto", AWS_SECRET_ACCESS_KEY: "moto" },
    use: reset,
  });
  return typeof moto === "string" ? moto : { ...moto, reset: () => reset(moto.url) };
}

async function reset(url: string): Promise<void> {
  const answer = await fetch(`${url}/moto-api/reset`, { method: "POST", headers: { connection: "close" } });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
}
