import { type LiveAwsSubject, liveAwsContract } from "../contracts/live-aws-contract.ts";
import { FakeLiveAws } from "./fake-live-aws.ts";

describe("FakeLiveAws", () => {
  let fake: FakeLiveAws;
  beforeEach(() => {
    fake = new FakeLiveAws();
  });

  liveAwsContract(
    (): LiveAwsSubject => ({
      liveAws: fake,
      region: "eu-central-1",
      createBucket: async (name, facets) => {
        const { buckets, roles } = fake.site;
        fake.site = { roles, buckets: { ...buckets, [name]: { Region: "eu-central-1", ...facets } } };
      },
      createRole: async (name, facets) => {
        const { buckets, roles } = fake.site;
        fake.site = { buckets, roles: { ...roles, [name]: facets } };
      },
      createManagedPolicy: async (name) => `arn:aws:iam::111122223333:policy/${name}`,
      unable: {},
    }),
  );
});
