import { create } from "@bufbuild/protobuf";
import { createRouterTransport } from "@connectrpc/connect";
import { expect } from "chai";
import { FileQueryService, GetFileResponseSchema } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { Addresses } from "../connection/addresses.ts";
import { createUnaryCalls } from "./unary-calls.ts";

describe("createUnaryCalls", () => {
  it("tells how old a file is that the service has kept, and nothing of a fresh one", async () => {
    const ages: (string | undefined)[] = [undefined, "1500", undefined, "0"];
    const transport = createRouterTransport(({ service }) => {
      service(FileQueryService, {
        getFile: (_request, { responseHeader }) => {
          const age = ages.shift();
          if (age !== undefined) responseHeader.set("sluice-stale-ms", age);
          return create(GetFileResponseSchema, { file: { path: "a" } });
        },
      });
    });
    const client = createUnaryCalls(new Addresses([{ name: "http://a", transport }]));
    const heard: number[][] = [];
    while (ages.length > 0) {
      const ofCall: number[] = [];
      expect(await client.getFile("a", { onStale: (ageMs) => ofCall.push(ageMs) })).to.include({ path: "a" });
      heard.push(ofCall);
    }
    expect(heard).to.deep.equal([[], [1500], [], [0]]);
  });
});
