import type { ExportResponse, IExporterTransport } from "@opentelemetry/otlp-exporter-base";
import { Hash } from "@smithy/core/serde";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AwsCredentialIdentityProvider } from "@smithy/types";

/** Refusals after which the same batch may be taken: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Where signed batches go. */
export interface SignedTarget {
  url: string;
  /** Headers beside those of the signature. */
  headers: () => Promise<Record<string, string>>;
  /** The service of AWS that takes them: "xray", "monitoring" or "logs". */
  service: string;
  region: string;
  /** Asked for each batch; it keeps credentials as long as they hold. */
  credentials: AwsCredentialIdentityProvider;
}

/**
 * Sends batches to an endpoint of AWS, signed by SigV4: CloudWatch takes traces, metrics and logs by OTLP without a collector
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html).
 */
export function createSignedTransport({
  url,
  headers,
  service,
  region,
  credentials,
}: SignedTarget): IExporterTransport {
  const { protocol, hostname, port, host, pathname } = new URL(url);
  const signer = new SignatureV4({ service, region, credentials, sha256: Hash.bind(null, "sha256") });
  return {
    async send(body, timeoutMillis): Promise<ExportResponse> {
      try {
        const unsigned = { method: "POST", protocol, hostname, path: pathname, query: {}, body };
        const signed = await signer.sign({
          ...unsigned,
          headers: { ...(await headers()), host },
          ...(port !== "" && { port: Number(port) }),
        });
        const { host: _, ...sent } = signed.headers;
        const response = await fetch(url, {
          method: "POST",
          headers: sent,
          body: body as Uint8Array<ArrayBuffer>,
          signal: AbortSignal.timeout(timeoutMillis),
        });
        return await toResponse(response);
      } catch (error) {
        return { status: "retryable", error: error as Error };
      }
    },
    shutdown: () => {},
  };
}

async function toResponse(response: Response): Promise<ExportResponse> {
  const answered = new Uint8Array(await response.arrayBuffer());
  if (response.ok) return { status: "success", data: answered };
  const error = new Error(`${new URL(response.url).host} answered ${response.status}`);
  if (!RETRYABLE.has(response.status)) return { status: "failure", error };
  const seconds = Number(response.headers.get("retry-after"));
  return { status: "retryable", error, ...(seconds > 0 && { retryInMillis: seconds * 1000 }) };
}
