import { connect } from "node:http2";

/** A token, and the address that a proxy tells for its caller. */
export interface SentToken {
  readonly token: string;
  readonly address: string;
}

const PATH = "/sluice.v1.FileQueryService/GetFile";

/**
 * Calls GetFile with each token, over several connections, each with `perConnection` calls at once, and counts how the calls ended:
 * by the reason of the refusal, or "answered".
 */
export async function sendTokens(
  url: string,
  tokens: Iterator<SentToken>,
  { path, connections, perConnection }: { path: string; connections: number; perConnection: number },
): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  const body = JSON.stringify({ namespace: "default", path });
  const one = async () => {
    const session = connect(url);
    session.on("error", () => {});
    const line = async () => {
      for (let next = tokens.next(); next.done !== true; next = tokens.next()) {
        const outcome = await call(session, next.value, body);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: perConnection }, line));
    session.close();
  };
  await Promise.all(Array.from({ length: connections }, one));
  return outcomes;
}

function call(session: ReturnType<typeof connect>, { token, address }: SentToken, body: string): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      "x-forwarded-for": address,
    });
    let status = 0;
    let answer = "";
    stream.setEncoding("utf8");
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
    });
    stream.on("data", (piece: string) => {
      answer += piece;
    });
    stream.on("error", () => {});
    stream.on("close", () => resolve(status === 200 ? "answered" : toReason(status, answer)));
    stream.end(body);
  });
}

/** The reason in the ErrorInfo of an error in Connect's form; the status where there is none. */
function toReason(status: number, answer: string): string {
  try {
    const { details } = JSON.parse(answer) as { details: { type: string; debug?: { reason?: string } }[] };
    const reason = details.find(({ type }) => type === "google.rpc.ErrorInfo")?.debug?.reason;
    return reason ?? `status ${status}`;
  } catch {
    return `status ${status}`;
  }
}
