import { createHmac } from "node:crypto";

/**
 * The headers of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, 1.0.0), with a signature for each secret. A
 * receiver takes a request when one of the signatures is by the secret that it knows.
 */
export function toWebhookHeaders(
  message: { id: string; time: Date; body: string },
  secrets: readonly Uint8Array[],
): Record<string, string> {
  const timestamp = String(Math.floor(message.time.getTime() / 1000));
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const signatures = secrets.map((secret) => `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`);
  return { "webhook-id": message.id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
