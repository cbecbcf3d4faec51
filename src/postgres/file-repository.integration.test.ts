import { fileFilterContract } from "../testing/file-filter-contract.ts";
import { fileRepositoryContract } from "../testing/file-repository-contract.ts";
import { createPostgresSubject } from "../testing/postgres-subject.ts";

describe("createFileRepository", () => {
  fileRepositoryContract(createPostgresSubject);
  describe("filters and orders", () => fileFilterContract(createPostgresSubject));
});
