import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";

describe("Positions", () => {
  let service: RunningService;
  let client: SluiceClient;
  let urls: string[];
  before(async () => {
    service = await startService();
    urls = [service.url, (await service.startReplica()).url];
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
  });
  after(async () => {
    client?.close();
    await service?.stop();
  });
  const transportTo = (baseUrl: string) =>
    createGrpcTransport({
      baseUrl,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${SERVICE_TOKEN}`);
          return next(request);
        },
      ],
    });
  const get = async (url: string, path: string, position?: string) => {
    const queries = createClient(FileQueryService, transportTo(url));
    const headers = position === undefined ? {} : { "sluice-position": position };
    return await queries.getFile({ namespace: "default", path }, { headers }).then(
      ({ file }) => file?.generation,
      (error: unknown) => ConnectError.from(error).code,
    );
  };
  const remove = async (url: string, path: string) => {
    let position: string | null = null;
    const commands = createClient(FileCommandService, transportTo(url));
    const request = { namespace: "default", path, requestId: crypto.randomUUID() };
    await commands.deleteFile(request, {
      onHeader: (header) => {
        position = header.get("sluice-position");
      },
    });
    return position as unknown as string;
  };

  it("let a caller see its own change at any replica", async () => {
    for (let round = 0; round < 10; round++) {
      const path = `own/${round}`;
      await client.upload(Buffer.from("bytes"), path);
      for (const url of urls) expect(await get(url, path)).to.equal(1n);
      const position = await remove(urls[round % 2] as string, path);
      expect(position).to.match(/^[1-9]\d*$/);
      for (const url of urls) expect(await get(url, path, position), url).to.equal(Code.NotFound);
    }
  });

  it("are not needed at the replica that made the change", async () => {
    const path = "same/replica";
    await client.upload(Buffer.from("one"), path);
    expect(await get(service.url, path)).to.equal(1n);
    await client.upload(Buffer.from("two"), path);
    expect(await get(service.url, path)).to.equal(2n);
    await remove(service.url, path);
    expect(await get(service.url, path)).to.equal(Code.NotFound);
  });

  it("are not needed where no read replica is: every answer is of the newest state", async () => {
    const [here, there] = urls as [string, string];
    for (let round = 0; round < 5; round++) {
      const path = `others/${round}`;
      await client.upload(Buffer.from("bytes"), path);
      expect(await get(there, path)).to.equal(1n);
      await remove(here, path);
      expect(await get(there, path)).to.equal(Code.NotFound);
    }
  });

  it("are refused where they are none, with a sentence", async () => {
    expect(await get(service.url, "any", "over the rainbow")).to.equal(Code.InvalidArgument);
  });
});
