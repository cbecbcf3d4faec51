import { fileFilterContract } from "../../testing/contracts/file-filter-contract.ts";
import { fileRepositoryContract } from "../../testing/contracts/file-repository-contract.ts";
import { createPostgresSubject } from "../../testing/rigs/postgres-subject.ts";

describe("createFileRepository", () => {
  fileRepositoryContract(createPostgresSubject);
  describe("filters and orders", () => fileFilterContract(createPostgresSubject));
});
