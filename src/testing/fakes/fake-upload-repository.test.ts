import { uploadRepositoryContract } from "../contracts/upload-repository-contract.ts";
import { FakeFileRepository } from "./fake-file-repository.ts";
import { FakeUploadRepository } from "./fake-upload-repository.ts";

describe("FakeUploadRepository", () => {
  uploadRepositoryContract(async () => {
    const files = new FakeFileRepository();
    const uploads = new FakeUploadRepository(files, { namespaces: ["default", "other"] });
    return { uploads, files, close: async () => undefined };
  });
});
