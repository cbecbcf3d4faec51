import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { API_TOKEN, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { sampleFile } from "../../testing/samples/sample-records.ts";

describe("createPositionInterceptor", () => {
  const functions = {
    fileQueries: { getFile: async () => sampleFile() },
    fileCommands: {
      deleteFile: async () => sampleFile(),
      createDownloadUrl: async () => ({ url: "https://s3.example", expireTime: new Date(0), file: sampleFile() }),
    },
  };
  const request = { namespace: "default", path: "a", requestId: crypto.randomUUID() };
  /** The commit position in the answer of each of three calls. */
  const ask = async (position?: bigint) => {
    const server = await openApiServer(functions, position === undefined ? {} : { position });
    const transport = createConnectTransport({ baseUrl: server.url, httpVersion: "2" });
    const said: (string | null)[] = [];
    const options = {
      headers: { authorization: `Bearer ${API_TOKEN}` },
      onHeader: (headers: Headers) => void said.push(headers.get("sluice-position")),
    };
    await createClient(FileCommandService, transport).deleteFile(request, options);
    await createClient(FileCommandService, transport).createDownloadUrl(request, options);
    await createClient(FileQueryService, transport).getFile(request, options);
    const url = `${server.url}/v1/namespaces/default/files/a`;
    for (const init of [{ method: "DELETE" }, {}, { method: "PATCH", json: { labels: {} } }]) {
      const { headers } = await callRest(url, { token: API_TOKEN, ...init });
      said.push(headers.get("sluice-position"));
    }
    await server.close({ graceMs: 0 });
    return said;
  };

  it("has commands say where their change stands, and no other call, nor one that fails", async () => {
    expect(await ask(1024n)).to.deep.equal(["1024", null, null, "1024", null, null]);
  });

  it("says nothing where the database does not say it", async () => {
    expect(await ask()).to.deep.equal([null, null, null, null, null, null]);
  });
});
