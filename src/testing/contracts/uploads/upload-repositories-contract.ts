import type { RepositorySubject } from "../../rigs/database/repository-subject.ts";
import { orphanVerdictsContract } from "./orphan-verdicts-contract.ts";
import { presignedPartsContract } from "./presigned-parts-contract.ts";
import { sealedSizeContract } from "./sealed-size-contract.ts";
import { singlePartsContract } from "./single-parts-contract.ts";
import { uploadCatalogueContract } from "./upload-catalogue-contract.ts";
import { uploadCommitContract } from "./upload-commit-contract.ts";
import { uploadLanesContract } from "./upload-lanes-contract.ts";
import { uploadStatesContract } from "./upload-states-contract.ts";
import { uploadStatusContract } from "./upload-status-contract.ts";
import { uploadSweepContract } from "./upload-sweep-contract.ts";
import { uploadWritersContract } from "./upload-writers-contract.ts";
import { wantedCommitContract } from "./wanted-commit-contract.ts";

/** The contract of all UploadRepositories. `make` is called once. */
export function uploadRepositoriesContract(make: () => Promise<RepositorySubject>): void {
  let subject: RepositorySubject;
  before(async () => {
    subject = await make();
  });
  after(() => subject.close());

  describe("catalogue", () => uploadCatalogueContract(() => subject));
  describe("writers", () => uploadWritersContract(() => subject));
  describe("a sealed size", () => sealedSizeContract(() => subject));
  describe("single parts", () => singlePartsContract(() => subject));
  describe("presigned parts", () => presignedPartsContract(() => subject));
  describe("lanes", () => uploadLanesContract(() => subject));
  describe("states", () => uploadStatesContract(() => subject));
  describe("commit", () => uploadCommitContract(() => subject));
  describe("a wanted commit", () => wantedCommitContract(() => subject));
  describe("status", () => uploadStatusContract(() => subject));
  describe("judging", () => orphanVerdictsContract(() => subject));
  describe("sweeping", () => uploadSweepContract(() => subject));
}
