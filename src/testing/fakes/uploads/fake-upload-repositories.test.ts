import { uploadRepositoriesContract } from "../../contracts/uploads/upload-repositories-contract.ts";
import { FakeFileRepository } from "../fake-file-repository.ts";
import { createFakeUploads } from "./fake-upload-repositories.ts";

describe("createFakeUploads", () => {
  uploadRepositoriesContract(async () => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files, { namespaces: ["default", "other"] });
    return { uploads, files, close: async () => undefined };
  });
});
