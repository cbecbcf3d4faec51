import { listGatedPrefixes } from "../services/guardduty.ts";
import { createSite, type Site } from "../template/site.ts";
import type { Settings } from "./settings.ts";

/** The site of checked settings, with what the services that are switched on decide of it. */
export function toSite(settings: Settings): Site {
  const { bucket: replicaBucket } = (settings.services.replication ?? {}) as { bucket?: string };
  return createSite({ ...settings, gatedPrefixes: listGatedPrefixes(settings), replicaBucket });
}
