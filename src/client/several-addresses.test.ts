import { Code, type ConnectError } from "@connectrpc/connect";
import { expect } from "chai";
import { type ScriptedServer, serviceError, startScriptedServer } from "../testing/fakes/scripted-upload-server.ts";
import { createSluiceClient, type SluiceClient } from "./client.ts";

describe("a client of several addresses", () => {
  let servers: [ScriptedServer, ScriptedServer];
  let client: SluiceClient;
  const bytes = Buffer.from("bytes");

  beforeEach(async () => {
    servers = [await startScriptedServer(), await startScriptedServer()];
    client = createSluiceClient({ urls: servers.map(({ url }) => url), token: "secret" });
  });
  afterEach(async () => {
    client.close();
    for (const server of servers) await server.close();
  });

  const refusals: ConnectError[] = [
    serviceError(Code.Unavailable, "SHUTTING_DOWN"),
    serviceError(Code.Unavailable, "DATABASE_UNAVAILABLE"),
    serviceError(Code.ResourceExhausted, "OVERLOADED", { retryAfterMs: 60 }),
  ];
  for (const refusal of refusals) {
    it(`goes on at the next after ${refusal.message}, and stays there`, async () => {
      servers[0].scripts.push({ act: refusal });
      await client.upload(bytes, "a");
      expect(servers.map(({ uploads }) => uploads.length)).to.deep.equal([0, 1]);
      await client.upload(bytes, "b");
      expect(servers.map(({ uploads }) => uploads.length)).to.deep.equal([0, 2]);
    });
  }

  it("asks no other address about what is refused for good", async () => {
    servers[0].scripts.push({ act: serviceError(Code.InvalidArgument, "PATH_INVALID") });
    const error = await client.upload(bytes, "a//b").catch((thrown: Error) => thrown);
    expect(error).to.include({ reason: "PATH_INVALID", message: "scripted PATH_INVALID" });
    expect(servers[1].connections).to.equal(0);
  });
});
