import type { Caller } from "../domain/caller.ts";
import { parseUuid } from "../domain/command-identity.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import { uploadNotFound } from "../domain/repository-refusals.ts";
import { Bell } from "./bell.ts";
import { isFinal, type UploadWatches, type WatchReport } from "./upload-watches.ts";

/**
 * Yields how far an upload is, whoever writes it and on whatever replica: a report at once, one at each change, though
 * never two within 100 ms, and at least one every 5 s. The outcome (committed, aborted, expired) is the last one, and the
 * only one for a caller who comes after it. A slow consumer misses reports in between, never the last. The number of
 * durable bytes is less than half a second old while an upload moves, and at most 2 s old when it begins to move; the
 * number of received bytes may be a second older.
 *
 * Ends with `not_found / UPLOAD_NOT_FOUND` or `NAMESPACE_NOT_FOUND`, `invalid_argument / ARGUMENT_INVALID`,
 * `resource_exhausted / OVERLOADED`, `unavailable / SHUTTING_DOWN`, `unavailable / DATABASE_UNAVAILABLE` once the database
 * was away for long, or with the signal's reason.
 */
export async function* watchUpload(
  deps: { watches: UploadWatches; namespaces: Namespaces },
  request: { namespace: string; uploadId: string },
  options: { caller: Caller; signal?: AbortSignal },
): AsyncGenerator<WatchReport, void, undefined> {
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const uploadId = parseUuid(request.uploadId, "upload_id");
  const { signal } = options;
  const { messageMinMs, messageMaxMs } = deps.watches.limits;
  const bell = new Bell();
  const { watched, leave } = await deps.watches.join(uploadId, options.caller.principal, {
    onChange: () => bell.ring(),
    signal: options.signal,
  });
  try {
    let told = { changes: 0, at: Number.NEGATIVE_INFINITY };
    for (;;) {
      signal?.throwIfAborted();
      const { report, changes, failure } = watched;
      const [now, hasNews] = [deps.watches.now(), changes !== told.changes];
      const dueAt = told.at + (hasNews ? messageMinMs : messageMaxMs);
      if (report !== undefined && now >= dueAt) {
        if (report.namespace !== namespace.name) throw uploadNotFound(uploadId);
        told = { changes, at: now };
        yield report;
        if (isFinal(report.state)) return;
      } else if (failure !== undefined && !hasNews) throw failure;
      else await bell.wait({ ...(report !== undefined && { timeoutMs: dueAt - now }), signal });
    }
  } finally {
    leave();
  }
}
