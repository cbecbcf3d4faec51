import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PolicyRemark } from "../../../aws/live/reading/policy-analyzer.ts";

/** Findings on a page: fewer than AWS gives, so that few make several pages. */
const PAGE_LENGTH = 2;

/** One request as it came in. */
interface Asked {
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
}

/** An HTTP server that speaks as much of Access Analyzer's REST-JSON as ValidatePolicy takes. */
export interface ScriptedAccessAnalyzer {
  readonly url: string;
  readonly asked: Asked[];
  /** From now on, documents that have the text get these remarks. */
  remark(text: string, remarks: readonly PolicyRemark[]): void;
  /** From now on, every request is answered so; undefined for the script again. */
  answerWith(answer: { status: number; body: string; headers?: Record<string, string> } | undefined): void;
  /** Forgets everything. */
  reset(): void;
  stop(): Promise<void>;
}

/**
 * Starts the server on a free port of this machine.
 * Source: https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html
 */
export async function startScriptedAccessAnalyzer(): Promise<ScriptedAccessAnalyzer> {
  const asked: Asked[] = [];
  const planted = new Map<string, readonly PolicyRemark[]>();
  let always: Parameters<ScriptedAccessAnalyzer["answerWith"]>[0];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = Buffer.concat(await request.toArray()).toString();
    const url = new URL(request.url ?? "/", "http://localhost");
    const isKnown = request.method === "POST" && url.pathname === "/policy/validation";
    const body = isKnown ? JSON.parse(text) : {};
    asked.push({ path: `${request.method} ${url.pathname}`, body });
    const from = Number(url.searchParams.get("nextToken") ?? 0);
    const found = [...planted].flatMap(([one, remarks]) => (body.policyDocument?.includes(one) ? remarks : []));
    const page = {
      findings: found.slice(from, from + PAGE_LENGTH).map(toFinding),
      ...(from + PAGE_LENGTH < found.length && { nextToken: String(from + PAGE_LENGTH) }),
    };
    const scripted = isKnown ? { status: 200, body: JSON.stringify(page) } : { status: 404, body: "{}" };
    const said = always ?? scripted;
    const headers = { "content-type": "application/json", connection: "close", ...always?.headers };
    response.writeHead(said.status, headers).end(said.body);
  }

  const server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    remark: (text, remarks) => void planted.set(text, remarks),
    answerWith: (one) => {
      always = one;
    },
    reset() {
      asked.length = 0;
      planted.clear();
      always = undefined;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function toFinding({ type, code, text, link, places }: PolicyRemark): object {
  const position = { line: 1, column: 1, offset: 1 };
  return {
    findingType: type,
    issueCode: code,
    findingDetails: text,
    learnMoreLink: link,
    locations: places.map((place) => ({
      path: [
        ...place.map((step) => (typeof step === "number" ? { index: step } : { value: step })),
        { substring: { start: 0, length: 1 } },
      ],
      span: { start: position, end: position },
    })),
  };
}
