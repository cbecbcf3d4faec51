import { expect } from "chai";
import { sql } from "slonik";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { commitFile, expectRefusal, nextIdentity, nextPath } from "../../testing/rigs/database/repository-subject.ts";
import { CHANGE_ATTEMPTS_MAX, changeFile } from "./change-file.ts";

describe("changeFile", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
  });
  after(() => subject.close());

  it("gives up, and says so, when it is overtaken each time", async () => {
    const { path } = await commitFile(subject, nextPath());
    let attempts = 0;
    const changing = changeFile(subject.pools.commands, path, {
      identity: nextIdentity(),
      located: sql.fragment`f.path = ${path}`,
      change: async () => {
        attempts++;
        return undefined;
      },
    });
    const error = await expectRefusal(changing, "CONTENDED");
    expect(error).to.include({ code: "aborted", retryAfterMs: 1000 });
    expect(error.message).to.equal(
      `"${path}" could not be changed in 5 tries, because others change it all the time; try again`,
    );
    expect(attempts).to.equal(CHANGE_ATTEMPTS_MAX);
  });
});
