import { jobLeasesContract } from "../testing/contracts/job-leases-contract.ts";
import { createPostgresSubject } from "../testing/rigs/database/postgres-subject.ts";
import { createJobLeases } from "./job-leases.ts";

describe("createJobLeases", () => {
  jobLeasesContract(async () => {
    const { pools, close } = await createPostgresSubject();
    return { leases: createJobLeases(pools.commands), close };
  });
});
