import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { expect } from "chai";
import { FileQueryService, GetFileResponseSchema } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { Addresses } from "../connection/addresses.ts";
import { type CallAddress, createCall } from "./call.ts";

describe("a call of the client", () => {
  let failures: number;
  let addresses: Addresses<CallAddress>;
  beforeEach(() => {
    const transport = createRouterTransport(({ service }) => {
      service(FileQueryService, {
        getFile: () => {
          if (failures-- > 0) throw new ConnectError("away", Code.Unavailable);
          return create(GetFileResponseSchema);
        },
      });
    });
    addresses = new Addresses([{ name: "http://a", transport }]);
  });
  const call = async () => {
    const asked = createCall(addresses, { renew: undefined });
    return await asked(FileQueryService.method.getFile, { path: "a" }, { signal: undefined });
  };

  it("gives up after four tries where nothing ever answered", async () => {
    failures = 4;
    expect(await catchError(call)).to.include({ code: "unavailable" });
    expect(failures).to.equal(0);
  });

  it("outlasts more failures at addresses that have answered", async () => {
    failures = 0;
    await call();
    failures = 5;
    await call();
    expect(failures).to.equal(-1);
  });
});
