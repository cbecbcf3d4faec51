import type { AuditFunctions } from "./services/audit-service.ts";
import type { EventFunctions } from "./services/event-service.ts";
import type { FileCommandFunctions } from "./services/file-command-service.ts";
import type { FileQueryFunctions } from "./services/file-query-service.ts";
import type { JobFunctions } from "./services/job-service.ts";
import type { NamespaceFunctions } from "./services/namespace-service.ts";
import type { PrivacyFunctions } from "./services/privacy-service.ts";
import type { SubscriptionFunctions } from "./services/subscription-methods.ts";
import type { UploadFunctions } from "./services/upload-service.ts";

/** The functions of the API by family; each call does work for one caller. */
export interface ApiFunctions {
  uploads: UploadFunctions;
  fileQueries: FileQueryFunctions;
  fileCommands: FileCommandFunctions;
  namespaces: NamespaceFunctions;
  events: EventFunctions;
  subscriptions: SubscriptionFunctions;
  audit: AuditFunctions;
  privacy: PrivacyFunctions;
  jobs: JobFunctions;
}

/** The same but the handler of WriteUpload, which begins by `beginWrite`. */
export interface BoundFunctions extends Omit<ApiFunctions, "uploads"> {
  uploads: Omit<UploadFunctions, "writeUpload">;
}

/** The same families, each as `change` makes it. */
export function mapFamilies<Families extends object>(
  families: Families,
  change: <F extends object>(functions: F, family: keyof Families) => F,
): Families {
  const entries = Object.entries<object>(families as Record<string, object>);
  return Object.fromEntries(
    entries.map(([family, each]) => [family, change(each, family as keyof Families)]),
  ) as Families;
}
