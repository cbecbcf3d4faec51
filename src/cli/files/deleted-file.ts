import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { SluiceClient } from "../../client/client.ts";
import { SluiceError } from "../../client/sluice-error.ts";
import { formatTime } from "../terminal/human-units.ts";

/**
 * Runs `work` on the live file at a path. When there is none because it was deleted and can be restored, the error says until
 * when and how. Other errors stay as they are.
 */
export async function onLiveFile<T>(
  client: Pick<SluiceClient, "allGenerations">,
  { path, namespace, signal }: { path: string; namespace: string; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SluiceError) || error.reason !== "FILE_NOT_FOUND") throw error;
    const { code, reason, details } = error;
    const deleted = await findDeleted(client, path, { namespace, signal }).catch(() => undefined);
    if (deleted === undefined) throw error;
    const message = `${error.message}: it was deleted; \`sluice restore ${path}\` brings it back${deleted}`;
    throw new SluiceError(code, message, { reason, details, cause: error });
  }
}

/** The time until which the newest generation can be restored, in words; undefined when it cannot be. */
async function findDeleted(
  client: Pick<SluiceClient, "allGenerations">,
  path: string,
  options: { namespace: string; signal: AbortSignal },
): Promise<string | undefined> {
  for await (const { deleteTime, purgeTime, purged } of client.allGenerations(path, options)) {
    if (deleteTime === undefined || purged) return undefined;
    return purgeTime === undefined ? "" : ` until ${formatTime(timestampDate(purgeTime))}`;
  }
  return undefined;
}
