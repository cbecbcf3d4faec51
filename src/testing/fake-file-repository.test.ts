import { FakeFileRepository } from "./fake-file-repository.ts";
import { FakeUploadRepository } from "./fake-upload-repository.ts";
import { fileRepositoryContract } from "./file-repository-contract.ts";

describe("FakeFileRepository", () => {
  fileRepositoryContract(async () => {
    const files = new FakeFileRepository();
    const uploads = new FakeUploadRepository(files, { namespaces: ["default", "other"] });
    return { uploads, files, close: async () => undefined };
  });
});
