import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Terminal } from "../terminal/terminal.ts";

/** What a sign-in left: the tokens for one service, and how to renew them. */
export interface Login {
  /** The issuer's token endpoint and the client that signed in: what a renewal needs. */
  tokenUrl: string;
  clientId: string;
  token: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** Undefined when the issuer gave none: the login then ends with its token. */
  refreshToken: string | undefined;
}

/** Keeps the login for one service, given by its addresses: a token never goes to another service than it was got for. */
export interface LoginFile {
  readonly path: string;
  /** The login; undefined when there is none, or it cannot be read. */
  read(): Promise<Login | undefined>;
  /** Replaces the login at once; only this user may read it. */
  write(login: Login): Promise<void>;
}

/** The login for a service, in `$XDG_STATE_HOME/sluice/logins` (or `~/.local/state/…`), named by a hash of its addresses. */
export function openLoginFile(env: Terminal["env"], urls: readonly string[]): LoginFile {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state");
  const directory = join(state, "sluice", "logins");
  const name = createHash("sha256").update(JSON.stringify(urls.toSorted())).digest("hex").slice(0, 32);
  const path = join(directory, `${name}.json`);
  return {
    path,
    async read() {
      try {
        const login = JSON.parse(await readFile(path, "utf8")) as Partial<Login>;
        const isWhole = [login.tokenUrl, login.clientId, login.token].every((one) => typeof one === "string");
        return isWhole && typeof login.expiresAt === "number" ? (login as Login) : undefined;
      } catch {
        return undefined;
      }
    },
    async write(login) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const fresh = `${path}.${process.pid}`;
      await writeFile(fresh, `${JSON.stringify(login)}\n`, { mode: 0o600 });
      await rename(fresh, path);
    },
  };
}
