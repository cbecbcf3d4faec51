import { FakeFileRepository } from "./fake-file-repository.ts";
import { FakeLinkRepository } from "./fake-link-repository.ts";
import { FakeUploadRepository } from "./fake-upload-repository.ts";
import { linkRepositoryContract } from "./link-repository-contract.ts";

describe("FakeLinkRepository", () => {
  linkRepositoryContract(async () => {
    const files = new FakeFileRepository();
    const uploads = new FakeUploadRepository(files, { namespaces: ["default", "other"] });
    return { uploads, files, links: new FakeLinkRepository(files), close: async () => undefined };
  });
});
