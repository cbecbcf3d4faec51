import { listGatedPrefixes } from "../services/security/guardduty.ts";
import { createSite, type Site } from "../template/site.ts";
import { getAtt } from "../template/template.ts";
import type { Value } from "../template/value.ts";
import type { Settings } from "./settings.ts";

/** The site of checked settings, with what the services that are switched on decide of it. */
export function toSite(settings: Settings): Site {
  const { bucket: replicaBucket } = (settings.services.replication ?? {}) as { bucket?: string };
  const keyArn = toKeyArn(settings);
  const catalogUsers = ["athena", "glue"].filter((name) => settings.services[name] !== undefined);
  return createSite({ ...settings, gatedPrefixes: listGatedPrefixes(settings), replicaBucket, catalogUsers, keyArn });
}

function toKeyArn({ encryption }: Settings): Value | undefined {
  if (encryption === "sse-s3") return undefined;
  return encryption === "kms" ? getAtt("DataKey", "Arn") : encryption;
}
