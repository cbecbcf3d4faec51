import { FakeFileRepository } from "./fake-file-repository.ts";
import { FakeUploadRepository } from "./fake-upload-repository.ts";
import { fileFilterContract } from "./file-filter-contract.ts";
import { fileRepositoryContract } from "./file-repository-contract.ts";
import type { RepositorySubject } from "./repository-subject.ts";

describe("FakeFileRepository", () => {
  const make = async (): Promise<RepositorySubject> => {
    const files = new FakeFileRepository();
    const uploads = new FakeUploadRepository(files, { namespaces: ["default", "other"] });
    return { uploads, files, close: async () => undefined };
  };
  fileRepositoryContract(make);
  describe("filters and orders", () => fileFilterContract(make));
});
