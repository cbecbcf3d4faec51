import { fileFilterContract } from "../contracts/files/file-filter-contract.ts";
import { fileRepositoryContract } from "../contracts/files/file-repository-contract.ts";
import type { RepositorySubject } from "../rigs/database/repository-subject.ts";
import { FakeFileRepository } from "./fake-file-repository.ts";
import { createFakeUploads } from "./uploads/fake-upload-repositories.ts";

describe("FakeFileRepository", () => {
  const make = async (): Promise<RepositorySubject> => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files, { namespaces: ["default", "other"] });
    return { uploads, files, close: async () => undefined };
  };
  fileRepositoryContract(make);
  describe("filters and orders", () => fileFilterContract(make));
});
