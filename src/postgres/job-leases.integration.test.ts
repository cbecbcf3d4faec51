import { jobLeasesContract } from "../testing/job-leases-contract.ts";
import { createPostgresSubject } from "../testing/postgres-subject.ts";
import { createJobLeases } from "./job-leases.ts";

describe("createJobLeases", () => {
  jobLeasesContract(async () => {
    const { pools, close } = await createPostgresSubject();
    return { leases: createJobLeases(pools.commands), close };
  });
});
