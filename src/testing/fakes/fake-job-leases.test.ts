import { jobLeasesContract } from "../contracts/job-leases-contract.ts";
import { FakeJobLeases } from "./fake-job-leases.ts";

describe("FakeJobLeases", () => {
  jobLeasesContract(async () => ({ leases: new FakeJobLeases(), close: async () => undefined }));
});
