import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { LiveSite } from "./live-site.ts";

/** Identifiers on a page: fewer than AWS gives, so that few make several pages. */
const PAGE_LENGTH = 2;

/** One request as it came in. */
interface Asked {
  readonly operation: string;
  readonly body: Readonly<Record<string, string>>;
}

/** An error in the form in which Cloud Control answers it. */
interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

/** An HTTP server that speaks as much of Cloud Control's JSON as GetResource and ListResources take. */
export interface ScriptedCloudControl {
  readonly url: string;
  readonly asked: Asked[];
  /** What is deployed from now on. */
  deploy(resources: LiveSite["resources"]): void;
  /** From now on, requests for which it gives a refusal are refused so. */
  refuse(why: (asked: Asked) => Refusal | undefined): void;
  /** From now on, every request is answered with this text; undefined for the script again. */
  answerWith(body: string | undefined): void;
  /** Forgets everything. */
  reset(): void;
  stop(): Promise<void>;
}

/**
 * Starts the server on a free port of this machine. Source:
 * https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_GetResource.html
 * https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_ListResources.html
 */
export async function startScriptedCloudControl(): Promise<ScriptedCloudControl> {
  const asked: Asked[] = [];
  let deployed: LiveSite["resources"] = {};
  let refusalOf: (asked: Asked) => Refusal | undefined = () => undefined;
  let always: string | undefined;

  function get({ TypeName = "", Identifier = "" }: Asked["body"]): object | Refusal {
    const properties = deployed[TypeName]?.[Identifier];
    if (properties === undefined) {
      const message = `Resource of type '${TypeName}' with identifier '${Identifier}' was not found.`;
      return { status: 404, type: "ResourceNotFoundException", message };
    }
    return { TypeName, ResourceDescription: { Identifier, Properties: JSON.stringify(properties) } };
  }

  function list({ TypeName = "", ResourceModel = "{}", NextToken = "0" }: Asked["body"]): object {
    const model = Object.entries(JSON.parse(ResourceModel));
    const found = Object.entries(deployed[TypeName] ?? {}).filter(([, properties]) =>
      model.every(([name, value]) => properties[name] === value),
    );
    const end = Number(NextToken) + PAGE_LENGTH;
    return {
      TypeName,
      // A list may have the properties that identify a resource alone.
      ResourceDescriptions: found
        .slice(Number(NextToken), end)
        .map(([Identifier]) => ({ Identifier, Properties: "{}" })),
      ...(end < found.length && { NextToken: String(end) }),
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const operation = String(request.headers["x-amz-target"]).replace("CloudApiService.", "");
    asked.push({ operation, body });
    const said = refusalOf({ operation, body }) ?? (operation === "GetResource" ? get(body) : list(body));
    const headers = { "content-type": "application/x-amz-json-1.0", connection: "close" };
    if (always !== undefined) return void response.writeHead(200, headers).end(always);
    if (!("status" in said)) return void response.writeHead(200, headers).end(JSON.stringify(said));
    const { status, type, message } = said as Refusal;
    response
      .writeHead(status, headers)
      .end(JSON.stringify({ __type: `com.amazon.cloudapiservice#${type}`, Message: message }));
  }

  const server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    deploy(resources) {
      deployed = resources;
    },
    refuse(why) {
      refusalOf = why;
    },
    answerWith(body) {
      always = body;
    },
    reset() {
      asked.length = 0;
      deployed = {};
      refusalOf = () => undefined;
      always = undefined;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
