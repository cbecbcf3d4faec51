import { fileFilterContract } from "../../testing/contracts/files/file-filter-contract.ts";
import { fileRepositoryContract } from "../../testing/contracts/files/file-repository-contract.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";

describe("createFileRepository", () => {
  fileRepositoryContract(createPostgresSubject);
  describe("filters and orders", () => fileFilterContract(createPostgresSubject));
});
