import { Authority } from "../auth/authority.ts";
import { createDownloadUrl } from "../commands/files/create-download-url.ts";
import { deleteFile } from "../commands/files/delete-file.ts";
import { moveFile } from "../commands/files/move-file.ts";
import { purgeFile } from "../commands/files/purge-file.ts";
import { purgeFiles } from "../commands/files/purge-files.ts";
import { restoreGeneration } from "../commands/files/restore-generation.ts";
import { undeleteFile } from "../commands/files/undelete-file.ts";
import { updateFile } from "../commands/files/update-file.ts";
import { createLink } from "../commands/links/create-link.ts";
import { openLink } from "../commands/links/open-link.ts";
import { revokeLink } from "../commands/links/revoke-link.ts";
import { createNamespace } from "../commands/namespaces/create-namespace.ts";
import { deleteNamespace } from "../commands/namespaces/delete-namespace.ts";
import { setGrants } from "../commands/namespaces/set-grants.ts";
import { updateNamespace } from "../commands/namespaces/update-namespace.ts";
import { cancelOperation } from "../commands/operations/cancel-operation.ts";
import { startAuditExport, startCopy, startPurge } from "../commands/operations/start-operation.ts";
import { eraseDataSubject } from "../commands/privacy/erase-data-subject.ts";
import { exportDataSubject } from "../commands/privacy/export-data-subject.ts";
import { createSubscription } from "../commands/subscriptions/create-subscription.ts";
import { deleteSubscription } from "../commands/subscriptions/delete-subscription.ts";
import { redeliverEvents } from "../commands/subscriptions/redeliver-events.ts";
import { updateSubscription } from "../commands/subscriptions/update-subscription.ts";
import { abortUpload } from "../commands/uploads/abort-upload.ts";
import { readAdopted } from "../commands/uploads/adopt-parts.ts";
import { completeUpload } from "../commands/uploads/complete-upload.ts";
import { createUpload } from "../commands/uploads/create-upload.ts";
import { createUploadToken, type UploadTokenAccess } from "../commands/uploads/create-upload-token.ts";
import { signParts } from "../commands/uploads/sign-parts.ts";
import { isInScope, NO_PATH, type PathScope } from "../domain/access/path-scope.ts";
import type { Caller } from "../domain/caller.ts";
import type { CommitPosition } from "../domain/commit-position.ts";
import { OPERATION_LIMITS } from "../domain/jobs/operation.ts";
import type { RecordEntry } from "../domain/journal/new-entry.ts";
import type { RequestLender } from "../domain/limits/request-lender.ts";
import type { NamespacePolicy } from "../domain/namespaces/namespace-repository.ts";
import { RequestQuotas } from "../domain/namespaces/request-quotas.ts";
import { createConnectWriteUpload } from "../ingest/connect-write-upload.ts";
import { EXPORT_LIMITS, type ExportAccess, exportAudit } from "../queries/audit/export-audit.ts";
import { getInclusionProof } from "../queries/audit/get-inclusion-proof.ts";
import { listAuditEntries } from "../queries/audit/list-audit-entries.ts";
import { NO_SIGHT } from "../queries/events/event-sight.ts";
import { listEvents } from "../queries/events/list-events.ts";
import { watchEvents } from "../queries/events/watch-events.ts";
import { getFile } from "../queries/get-file.ts";
import { getNamespace } from "../queries/get-namespace.ts";
import { getUpload } from "../queries/get-upload.ts";
import { getUsage } from "../queries/get-usage.ts";
import { KeptFiles } from "../queries/kept-files.ts";
import { listFiles } from "../queries/list-files.ts";
import { listGenerations } from "../queries/list-generations.ts";
import { listJobs } from "../queries/list-jobs.ts";
import { listLinks } from "../queries/list-links.ts";
import { listNamespaces } from "../queries/list-namespaces.ts";
import { findOperation, type OperationSight } from "../queries/operations/find-operation.ts";
import { listOperations } from "../queries/operations/list-operations.ts";
import { type SigningAccess, showOperation } from "../queries/operations/show-operation.ts";
import { waitOperation } from "../queries/operations/wait-operation.ts";
import { READ_RETRIES, readFile } from "../queries/read-file.ts";
import { residencyReport } from "../queries/residency-report.ts";
import { searchFiles } from "../queries/search-files.ts";
import { getSubscription } from "../queries/subscriptions/get-subscription.ts";
import { listSubscriptions } from "../queries/subscriptions/list-subscriptions.ts";
import { watchUpload } from "../queries/watch-upload.ts";
import { withinScope } from "../queries/within-scope.ts";
import { authorizeFunctions } from "../rpc/authorize.ts";
import type { ApiFunctions, BoundFunctions } from "../rpc/bound-functions.ts";
import { noteCalls } from "../rpc/note-calls.ts";
import { recordCalls } from "../rpc/record-calls.ts";
import type { AuditFunctions } from "../rpc/services/audit-service.ts";
import type { EventFunctions } from "../rpc/services/event-service.ts";
import type { JobFunctions } from "../rpc/services/job-service.ts";
import type { NamespaceFunctions } from "../rpc/services/namespace-service.ts";
import type { PrivacyFunctions } from "../rpc/services/privacy-service.ts";
import type { SubscriptionFunctions } from "../rpc/services/subscription-methods.ts";
import { createWorkLimiters, limitWork, type WorkLimiters } from "../rpc/work-classes.ts";
import { admitPart } from "../transfer/admit-part.ts";
import { writePart } from "../transfer/write-part.ts";
import { beginWriteUpload } from "../transfer/write-upload.ts";
import type { ConnectedService } from "./connect-service.ts";

/** What the functions need beside the service. */
export interface BindOptions {
  /** The URL at which callers reach the service, for links. */
  publicUrl: string;
  /** Counts the requests of this replica. */
  requests: RequestLender;
  /** Who may create namespaces and set grants. */
  admins: readonly string[];
  /** The limits of a new namespace, where its creator states none. */
  defaults: NamespacePolicy;
  uploadTokens: Pick<UploadTokenAccess, "format" | "lifetimeMaxMs">;
}

/**
 * The functions of the API with all that they work with. A call first waits for its turn among others of its class, so that
 * nobody can make the service look up more rights than it does work. Then its caller's right to it is looked at. Its entry in
 * the journal comes last, when the turn is over: who waits for an entry keeps nobody from work.
 */
export function bindFunctions(service: ConnectedService, options: BindOptions) {
  const { access, positions } = service;
  const limiters = createWorkLimiters();
  const authority = new Authority(service.directory, options);
  const kept = new KeptFiles();
  const bound = bindAll(service, { ...options, limiters, authority, kept });
  const quotas = new RequestQuotas(options.requests);
  const authorized = authorizeFunctions(bound.functions, authority, {
    paths: service.paths,
    admitRequest: (namespace, { principal }, call) => {
      const known = service.directory.get(namespace);
      return known && quotas.admit(known, principal, call);
    },
  });
  const record: RecordEntry = (entry, options) => service.recorder.record(entry, options);
  const recording = { record, namespaces: service.directory, now: () => new Date() };
  const recorded = recordCalls(limitWork(authorized, limiters), recording);
  const { uploads, ...others } = noteCalls(recorded, service.directory);
  // A committed change stands even when no mark can be drawn. Then nobody knows which kept answers lack it.
  const markCommit = ({ principal }: Caller) =>
    positions.mark(principal).catch(() => {
      kept.clear();
      return undefined;
    });
  const isNamespaceVisible = (caller: Caller, namespace: string) =>
    authority.mayManage(caller, "getNamespace", namespace);
  const writing = { beginWrite: uploads.beginWrite, markCommit, limits: access.limits };
  const functions: ApiFunctions = {
    ...others,
    uploads: { ...uploads, writeUpload: createConnectWriteUpload(writing) },
  };
  return { functions, writing, openLink: bound.openLink, isNamespaceVisible };
}

function bindAll(
  service: ConnectedService,
  options: BindOptions & { limiters: WorkLimiters; authority: Authority; kept: KeptFiles },
) {
  const { publicUrl, limiters, authority, uploadTokens, kept } = options;
  const { access, downloads, storageNow, files, primaryFiles, copyFile, links, watches, positions } = service;
  const queries = { files, objects: downloads, namespaces: access.namespaces };
  /** Whoever has changed something reads it from then on. */
  const seeing = <O extends { caller: Caller; position?: CommitPosition | undefined }>(options: O): O => {
    const position = positions.of(options.caller.principal, options.position);
    return position === options.position ? options : { ...options, position };
  };
  const listing = ({ scope = NO_PATH }: { scope?: PathScope }) => ({ ...queries, files: withinScope(files, scope) });
  const reading = { ...queries, retries: READ_RETRIES, readers: limiters["reads of files"] };
  const commands = { ...queries, regions: access.regions, files: primaryFiles, now: storageNow };
  const linking = { ...commands, links, publicUrl };
  const storing = { ...commands, objects: access.objects };
  const purging = { ...storing, filteredReads: limiters["filtered reads"] };
  const get = (namespace: string, uploadId: string) => readAdopted(access, namespace, uploadId);
  const uploadQueries = { namespaces: access.namespaces, uploads: { get } };
  const tokens: UploadTokenAccess = {
    ...uploadTokens,
    namespaces: access.namespaces,
    uploads: access.uploads.catalogue,
    toIssuer: (caller, namespace, place) => authority.toIssuer(caller, namespace, place),
  };
  const functions: BoundFunctions = {
    namespaces: bindNamespaces(service, options),
    events: bindEvents(service),
    subscriptions: bindSubscriptions(service),
    audit: bindAudit(service, limiters),
    privacy: bindPrivacy(service, commands),
    jobs: bindJobs(service, authority),
    uploads: {
      createUpload: (request, options) => createUpload(access, request, options),
      completeUpload: (request, options) => completeUpload(access, request, options),
      abortUpload: (request, options) => abortUpload(access, request, options),
      getUpload: (request, options) => getUpload(uploadQueries, request, options),
      watchUpload: (request, options) => watchUpload({ ...access, watches }, request, options),
      writePart: (request, options) => writePart(access, request, options),
      signParts: (request, options) => signParts(access, request, options),
      createUploadToken: (request, options) => createUploadToken(tokens, request, options),
      admitPart: (message, options) => admitPart(access, message, options),
      beginWrite: (start, options) => beginWriteUpload(access, start, options),
    },
    fileQueries: {
      getFile: (request, options) => getFile(kept.over(queries, options), request, seeing(options)),
      listFiles: (request, options) => listFiles(listing(options), request, seeing(options)),
      searchFiles: (request, options) => searchFiles(listing(options), request, seeing(options)),
      listGenerations: (request, options) => listGenerations(queries, request, seeing(options)),
      listLinks: (request, options) => listLinks(linking, request, seeing(options)),
      readFile: (request, options) => readFile(reading, request, seeing(options)),
    },
    fileCommands: {
      createDownloadUrl: (request, options) => createDownloadUrl({ ...commands, files }, request, seeing(options)),
      updateFile: (request, options) => updateFile(storing, request, options),
      deleteFile: (request, options) => deleteFile(commands, request, options),
      undeleteFile: (request, options) => undeleteFile(commands, request, options),
      copyFile,
      moveFile: (request, options) => moveFile(commands, request, options),
      restoreGeneration: (request, options) => restoreGeneration(commands, request, options),
      purgeFile: (request, options) => purgeFile(purging, request, options),
      purgeFiles: (request, options) =>
        purgeFiles({ ...purging, lists: withinScope(primaryFiles, options.scope ?? NO_PATH) }, request, options),
      createLink: (request, options) => createLink(linking, request, options),
      revokeLink: (request, options) => revokeLink(linking, request, options),
    },
  };
  return { functions, openLink: (...[token, visitor]: OpenLinkParameters) => openLink(linking, token, visitor) };
}

function bindPrivacy(
  { subjects, erasing, access: { namespaces } }: ConnectedService,
  signing: Omit<Parameters<typeof exportDataSubject>[0], "subjects">,
): PrivacyFunctions {
  return {
    exportDataSubject: (request) => exportDataSubject({ ...signing, subjects }, request),
    eraseDataSubject: (request, options) => eraseDataSubject({ ...erasing, namespaces }, request, options),
  };
}

function bindNamespaces(service: ConnectedService, { defaults }: BindOptions): NamespaceFunctions {
  const { directory, namespaces } = service;
  const reporting = { namespaces: directory, regions: service.access.regions, files: service.files };
  const changing = { repository: namespaces, memory: directory, defaults };
  return {
    createNamespace: (request, options) => createNamespace(changing, request, options),
    getNamespace: (request, options) => getNamespace(directory, request, options),
    listNamespaces: (request, options) => listNamespaces(directory, request, options),
    updateNamespace: (request, options) => updateNamespace(changing, request, options),
    deleteNamespace: (request, options) => deleteNamespace(changing, request, options),
    getUsage: (request) => getUsage(namespaces, request),
    getResidencyReport: (request, options) => residencyReport(reporting, request, options),
    getGrants: (request, options) => getNamespace(directory, request, options),
    setGrants: (request, options) => setGrants(changing, request, options),
  };
}

function bindAudit(service: ConnectedService, limiters: WorkLimiters): AuditFunctions {
  const { access, journal, auditLog, events } = service;
  const exporting: ExportAccess = {
    journal,
    log: events.log,
    namespaces: access.namespaces,
    exports: limiters["exports of the audit log"],
    limits: EXPORT_LIMITS,
  };
  return {
    listAuditEntries: (request, options) =>
      listAuditEntries({ journal, namespaces: access.namespaces }, request, options),
    getInclusionProof: (request, options) =>
      getInclusionProof({ auditLog, namespaces: access.namespaces }, request, options),
    exportAudit: (request, options) => exportAudit(exporting, request, options),
  };
}

function bindJobs(
  { leases, operations, access, downloads, storageNow }: ConnectedService,
  authority: Authority,
): JobFunctions {
  const { namespaces, regions } = access;
  const seesAll: OperationSight["seesAll"] = (caller, namespace) =>
    isInScope(authority.scopeOf(caller, namespace, ["admin"]), "");
  const seeing = { operations, namespaces, seesAll };
  const starting = { operations, namespaces, limits: OPERATION_LIMITS };
  const auditScope: SigningAccess["auditScope"] = (caller, namespace) =>
    authority.scopeOf(caller, namespace, ["auditor"]);
  const signing = { downloads, namespaces, regions, auditScope, now: storageNow };
  return {
    listJobs: (request) => listJobs(leases, request),
    startPurge: (request, options) => startPurge(starting, request, options),
    startCopy: (request, options) => startCopy(starting, request, options),
    startAuditExport: (request, options) => startAuditExport(starting, request, options),
    getOperation: async (request, options) =>
      await showOperation(signing, await findOperation(seeing, request, options), options),
    listOperations: (request, options) => listOperations(seeing, request, options),
    waitOperation: async (request, options) =>
      await showOperation(signing, await waitOperation(seeing, request, options), options),
    cancelOperation: (request, options) => cancelOperation(seeing, request, options),
  };
}

function bindEvents({ events: { log, feed }, access: { namespaces } }: ConnectedService): EventFunctions {
  return {
    listEvents: (request, { sight = () => NO_SIGHT }) => listEvents({ log, namespaces }, request, { sight }),
    watchEvents: (request, { sight = () => NO_SIGHT, ...options }) =>
      watchEvents({ feed, namespaces }, request, { ...options, sight }),
  };
}

function bindSubscriptions({ subscriptions, access: { namespaces } }: ConnectedService): SubscriptionFunctions {
  const access = { ...subscriptions, namespaces };
  return {
    createSubscription: (request, options) => createSubscription(access, request, options),
    getSubscription: (request) => getSubscription(access, request),
    listSubscriptions: (request) => listSubscriptions(access, request),
    updateSubscription: (request, options) => updateSubscription(access, request, options),
    deleteSubscription: (request, options) => deleteSubscription(access, request, options),
    redeliverEvents: (request, options) => redeliverEvents(access, request, options),
  };
}

type OpenLinkParameters = [token: string, visitor: Parameters<typeof openLink>[2]];
