import { linkRepositoryContract } from "../contracts/link-repository-contract.ts";
import { FakeFileRepository } from "./fake-file-repository.ts";
import { FakeLinkRepository } from "./fake-link-repository.ts";
import { createFakeUploads } from "./uploads/fake-upload-repositories.ts";

describe("FakeLinkRepository", () => {
  linkRepositoryContract(async () => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files, { namespaces: ["default", "other"] });
    return { uploads, files, links: new FakeLinkRepository(files), close: async () => undefined };
  });
});
