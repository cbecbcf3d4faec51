import {
  type Erasure,
  type ExportDataSubjectResponse,
  PrivacyService,
} from "../../../gen/sluice/v1/privacy_service_pb.ts";
import { type Call, type CallOptions, present } from "./call.ts";

/** The methods for what is kept about people; they reject as all unary calls do. */
export interface PrivacyCalls {
  /** All that is kept about a person, page by page; each page has files, uploads, links or entries. */
  exportDataSubject(
    dataSubject: string,
    options?: CallOptions,
  ): AsyncGenerator<ExportDataSubjectResponse, void, undefined>;
  /** Erases a person. An erasure without an end time goes on by itself; the same request id returns it as it is by then. */
  eraseDataSubject(dataSubject: string, options?: CallOptions & { requestId?: string }): Promise<Erasure>;
}

/** The methods for what is kept about people, over the calls of a client. */
export function createPrivacyCalls(call: Call): PrivacyCalls {
  return {
    async *exportDataSubject(dataSubject, { signal, namespace = "default" } = {}) {
      let pageToken = "";
      do {
        const request = { namespace, dataSubject, pageSize: 100, pageToken };
        const page = await call(PrivacyService.method.exportDataSubject, request, { signal });
        yield page;
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
    },
    async eraseDataSubject(dataSubject, { signal, namespace = "default", requestId = crypto.randomUUID() } = {}) {
      const request = { namespace, dataSubject, requestId };
      const { erasure } = await call(PrivacyService.method.eraseDataSubject, request, { signal });
      return present(erasure, "erasure");
    },
  };
}
