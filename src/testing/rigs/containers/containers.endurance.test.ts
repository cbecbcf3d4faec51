import { fileRepositoryContract } from "../../contracts/files/file-repository-contract.ts";
import { objectStoreContract } from "../../contracts/objects/object-store-contract.ts";
import { uploadRepositoriesContract } from "../../contracts/uploads/upload-repositories-contract.ts";
import { createPostgresSubject } from "../database/postgres-subject.ts";
import { withoutLocks, withoutVersions } from "../storage/object-store-subject.ts";
import { createS3Subject } from "../storage/s3-subject.ts";
import { VERSITYGW_UNABLE } from "../storage/versitygw.ts";
import { UploadRig } from "../uploads/upload-rig.ts";
import { describeUploads, S3_PART_MIN_BYTES } from "../uploads/upload-suite.ts";
import {
  findDockerProblem,
  type PostgresContainer,
  startPostgresContainer,
  startVersitygwContainer,
} from "./containers.ts";

describe("in containers", () => {
  let problem: string | undefined;
  before(async () => {
    problem = await findDockerProblem();
  });

  objectStoreContract("createObjectStore on versity/versitygw", async () => {
    if (problem !== undefined) return problem;
    const { endpoint, stop } = await startVersitygwContainer();
    return {
      ...createS3Subject(endpoint, stop),
      unable: {
        ...VERSITYGW_UNABLE,
        ...withoutVersions("the container has no directory for versions"),
        ...withoutLocks("the container has no directory for versions"),
      },
    };
  });

  describe("an upload", () => {
    const stops: (() => Promise<void>)[] = [];
    after(async () => {
      for (const stop of stops.reverse()) await stop();
    });

    describeUploads(
      "versity/versitygw with postgres:15-alpine",
      async () => {
        if (problem !== undefined) return problem;
        const [storage, postgres] = [await startVersitygwContainer(), await startPostgresContainer()];
        stops.push(storage.stop, postgres.stop);
        const database = await postgres.createDatabase();
        stops.push(() => database.drop());
        return await UploadRig.start({
          s3: storage.endpoint,
          databaseUrl: database.url,
          settings: {
            SLUICE_PART_SIZE_BYTES: String(S3_PART_MIN_BYTES),
            SLUICE_MEMORY_BUDGET_BYTES: String(16 * S3_PART_MIN_BYTES),
          },
        });
      },
      S3_PART_MIN_BYTES,
    );
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

    describe("createUploadRepositories", () => uploadRepositoriesContract(make));
    describe("createFileRepository", () => fileRepositoryContract(make));
  });
});
