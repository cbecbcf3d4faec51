import { type LiveAwsSubject, liveAwsContract } from "../../contracts/aws/live-aws-contract.ts";
import { liveResourcesContract } from "../../contracts/aws/live-resources-contract.ts";
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
        const { buckets, ...rest } = fake.site;
        fake.site = { ...rest, buckets: { ...buckets, [name]: { Region: "eu-central-1", ...facets } } };
      },
      createRole: async (name, facets) => {
        const { roles, ...rest } = fake.site;
        fake.site = { ...rest, roles: { ...roles, [name]: facets } };
      },
      createManagedPolicy: async (name) => `arn:aws:iam::111122223333:policy/${name}`,
      unable: {},
    }),
  );

  liveResourcesContract(() => ({
    liveAws: fake,
    deploy: (resources) => {
      fake.site = { ...fake.site, resources };
    },
  }));
});
