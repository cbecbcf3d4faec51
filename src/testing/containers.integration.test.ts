import {
  findDockerProblem,
  type PostgresContainer,
  startLocalStackContainer,
  startPostgresContainer,
  startVersitygwContainer,
} from "./containers.ts";
import { fileRepositoryContract } from "./file-repository-contract.ts";
import { objectStoreContract } from "./object-store-contract.ts";
import { createPostgresSubject } from "./postgres-subject.ts";
import { createS3Subject } from "./s3-subject.ts";
import { uploadRepositoryContract } from "./upload-repository-contract.ts";
import { VERSITYGW_UNABLE } from "./versitygw.ts";

describe("in containers", function () {
  this.timeout(240_000);
  let problem: string | undefined;
  before(async () => {
    problem = await findDockerProblem();
  });

  objectStoreContract("createObjectStore on versity/versitygw", async () => {
    if (problem !== undefined) return problem;
    const { endpoint, stop } = await startVersitygwContainer();
    return {
      ...createS3Subject(endpoint, stop),
      unable: { ...VERSITYGW_UNABLE, versions: "the container has no directory for versions" },
    };
  });

  objectStoreContract("createObjectStore on localstack/localstack", async () => {
    if (problem !== undefined) return problem;
    const token = process.env.LOCALSTACK_AUTH_TOKEN ?? "";
    if (token === "") return "LOCALSTACK_AUTH_TOKEN is not set, and LocalStack's image does not start without";
    const { endpoint, stop } = await startLocalStackContainer(token);
    const unable = { "check-secrets": "LocalStack takes any secret", versions: "no bucket of LocalStack is set up to" };
    return { ...createS3Subject(endpoint, stop), unable };
  });

  describe("the repositories on postgres:15-alpine", () => {
    let postgres: PostgresContainer | undefined;
    before(async function () {
      if (problem !== undefined) {
        console.log(`    skipped: ${problem}`);
        this.skip();
      }
      postgres = await startPostgresContainer();
    });
    after(() => postgres?.stop());
    const make = () => createPostgresSubject((postgres as PostgresContainer).createDatabase);

    describe("createUploadRepository", () => uploadRepositoryContract(make));
    describe("createFileRepository", () => fileRepositoryContract(make));
  });
});
