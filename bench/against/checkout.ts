import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import type { Stage } from "../stage/contender.ts";

/** A checkout of the project whose service is measured. */
export interface Checkout {
  readonly directory: string;
  /** The checkout's folder and commit, for people. */
  readonly label: string;
}

/** The checkout that this benchmark belongs to. */
export const ownDirectory = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Finds the two checkouts that `--against DIR` compares. Throws for a folder whose service cannot start; the error names what
 * is missing.
 */
export function findCheckouts(against: string): { before: Checkout; after: Checkout } {
  const directory = resolve(against);
  for (const needed of ["src/cli/main.ts", "node_modules"]) {
    if (!existsSync(join(directory, needed)))
      throw new Error(`--against names ${directory}, which has no ${needed}; a checkout after "npm ci" is needed`);
  }
  return { before: toCheckout(directory), after: toCheckout(ownDirectory) };
}

function toCheckout(directory: string): Checkout {
  const git = spawnSync("git", ["-C", directory, "describe", "--always", "--dirty"], { encoding: "utf8" });
  return { directory, label: `${directory} at ${git.status === 0 ? git.stdout.trim() : "an unknown commit"}` };
}

/** Divides a stage between checkouts: their services share everything but the database, because their schemas may differ. */
export function divideStage(stage: Stage): (checkout: Checkout) => Stage {
  const urls = new Map<string, Promise<string>>();
  return ({ directory }) => ({
    ...stage,
    checkout: directory,
    databaseUrl: () => {
      const url = urls.get(directory) ?? createDatabase(stage, `checkout_${urls.size + 1}`);
      urls.set(directory, url);
      return url;
    },
  });
}

async function createDatabase(stage: Stage, name: string): Promise<string> {
  const url = new URL(await stage.databaseUrl());
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`).finally(() => client.end());
  url.pathname = `/${name}`;
  return url.href;
}
