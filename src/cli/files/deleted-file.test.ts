import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { type File, FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import { SluiceError } from "../../client/sluice-error.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { onLiveFile } from "./deleted-file.ts";

describe("onLiveFile", () => {
  const place = { path: "a/b", namespace: "default", signal: new AbortController().signal };
  const missing = new SluiceError("not_found", 'there is no file at "a/b"', { reason: "FILE_NOT_FOUND" });
  const deleted = create(FileSchema, {
    deleteTime: timestampFromDate(new Date("2026-01-02T03:04:05Z")),
    purgeTime: timestampFromDate(new Date("2026-02-02T03:04:05Z")),
  });

  const failWith = (failure: Error, generations: readonly File[]) => {
    const client = {
      allGenerations: async function* () {
        yield* generations;
      },
    };
    return catchError(() => onLiveFile(client, place, () => Promise.reject(failure)));
  };

  it("says of a deleted file how it comes back, and until when", async () => {
    const error = (await failWith(missing, [deleted, create(FileSchema)])) as SluiceError;
    expect(error).to.include({ code: "not_found", reason: "FILE_NOT_FOUND" });
    expect(error.message).to.match(
      /^there is no file at "a\/b": it was deleted; `sluice restore a\/b` brings it back until 2026-02-02 /,
    );
  });

  it("leaves the error as it is where nothing can be restored, and any other error", async () => {
    expect(await failWith(missing, [])).to.equal(missing);
    expect(await failWith(missing, [create(FileSchema)]), "superseded or live").to.equal(missing);
    expect(await failWith(missing, [create(FileSchema, { ...deleted, purged: true })])).to.equal(missing);
    const other = new SluiceError("unavailable", "away", { reason: "CONNECTION_LOST" });
    expect(await failWith(other, [deleted])).to.equal(other);
  });
});
