import { expect } from "chai";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { commitFile, createOpen, TEST_ACTOR } from "../../testing/rigs/database/repository-subject.ts";
import { createUnfinishedCount } from "./count-unfinished.ts";

describe("createUnfinishedCount", () => {
  it("counts what has not ended, in all and of one caller, up to a limit", async () => {
    const subject = await createPostgresSubject();
    try {
      const count = createUnfinishedCount(subject.pools.commands);
      const { principal } = await createOpen(subject, { path: "a" });
      await createOpen(subject, { path: "b", principal: "dev:another" });
      const { namespace, uploadId } = await createOpen(subject, { path: "c" });
      await subject.uploads.catalogue.abort(namespace, uploadId, TEST_ACTOR);
      await commitFile(subject, "d");
      expect(await count(principal, { limit: 10 })).to.deep.equal({ all: 2, own: 1 });
      expect(await count("dev:nobody", { limit: 1 })).to.deep.equal({ all: 1, own: 0 });
    } finally {
      await subject.close();
    }
  });
});
