import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findTool, TOOLS } from "../rigs/tools/find-tool.ts";

/** A service of a compose file, as far as tests read it. */
export interface ComposeService {
  image: string;
  command: string[] | null;
  environment?: Readonly<Record<string, string>>;
  ports?: readonly { host_ip?: string; published: string; target: number }[];
  /** The source of a bind is a path of this machine. */
  volumes?: readonly { type: "bind" | "volume"; source: string; target: string }[];
  depends_on?: Readonly<Record<string, { condition: string }>>;
  healthcheck?: object;
  mem_limit?: string;
  network_mode?: string;
  /** "35s" */
  stop_grace_period?: string;
}

/** What Docker Compose makes of a compose file. */
export interface ComposeModel {
  services: Readonly<Record<string, ComposeService>>;
}

/**
 * Reads a compose file by compose-go. Resolves to a sentence that says what is missing where its judge is not installed; rejects with
 * compose-go's words where it refuses the file or warns of it.
 */
export async function readCompose(path: string): Promise<ComposeModel | string> {
  const judge = await findTool(TOOLS.composeJudge);
  if (typeof judge === "string") return judge;
  const { stdout, stderr } = await promisify(execFile)(judge.program, [path]);
  if (stderr !== "") throw new Error(stderr);
  return JSON.parse(stdout);
}
