import { expect } from "chai";
import type { Authenticator } from "../../auth/authenticator.ts";
import { DomainError } from "../../domain/errors.ts";
import { openApiServer } from "../../testing/rigs/service/api-server.ts";

describe("authentication, on each face", () => {
  it("hears where a call comes from", async () => {
    const heard: (string | undefined)[] = [];
    const authenticate: Authenticator = async (_header, connectedFrom) => {
      heard.push(connectedFrom);
      throw new DomainError("unauthenticated", "the test knows nobody", { reason: "TOKEN_INVALID" });
    };
    const { url, readiness, close } = await openApiServer({}, { authenticate });
    readiness.report("database", "does not answer");
    const method = "sluice.v1.FileQueryService/GetFile";
    const json = { "content-type": "application/json" };
    const file = "v1/namespaces/default/files/a";
    const calls: [path: string, init: RequestInit][] = [
      [method, { method: "POST", headers: json, body: "{}" }],
      [method, { method: "POST", headers: { "content-type": "application/grpc-web+proto" }, body: new Uint8Array(5) }],
      [file, {}],
      [`${file}?alt=media`, {}],
      [file, { method: "PUT", body: "x" }],
      [file, { method: "PATCH", headers: json, body: "{}" }],
      ["v1/namespaces/default/uploads/u/parts/1", { method: "PUT", body: "x" }],
      ["readyz", { headers: { authorization: "Bearer wrong" } }],
    ];
    for (const [path, init] of calls) {
      await (await fetch(`${url}/${path}`, init)).arrayBuffer();
      expect(heard.splice(0), `${init.method ?? "GET"} ${path}`).to.deep.equal(["127.0.0.1"]);
    }
    await close({ graceMs: 0 });
  });
});
