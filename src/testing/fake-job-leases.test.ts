import { FakeJobLeases } from "./fake-job-leases.ts";
import { jobLeasesContract } from "./job-leases-contract.ts";

describe("FakeJobLeases", () => {
  jobLeasesContract(async () => ({ leases: new FakeJobLeases(), close: async () => undefined }));
});
