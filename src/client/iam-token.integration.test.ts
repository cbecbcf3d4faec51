import { expect } from "chai";
import { type DevStsServer, startDevSts } from "../devstack/sts-server.ts";
import { createNamespaceRepository } from "../postgres/namespace-repository.ts";
import { createDatabasePool } from "../postgres/pool/pool.ts";
import { TEST_ACTOR } from "../testing/rigs/database/repository-subject.ts";
import { type RunningService, startService } from "../testing/rigs/service/running-service.ts";
import { SAMPLE_ACCOUNT, SAMPLE_ROLE } from "../testing/samples/sample-sts-identities.ts";
import { createSluiceClient } from "./client.ts";
import { type AwsCredentialSource, createIamTokenSource } from "./iam-token.ts";

const SERVER_ID = "files.example.org";
const START = Date.UTC(2026, 10, 30);
const content = Buffer.alloc(700_001, "bytes of a file");

describe("createIamTokenSource", () => {
  const { sessionToken = "", ...keys } = SAMPLE_ROLE;
  let now: number;
  let asked: (boolean | undefined)[];
  const credentials: AwsCredentialSource = async ({ forceRefresh } = {}) => {
    asked.push(forceRefresh);
    return { ...keys, sessionToken };
  };
  const create = () =>
    createIamTokenSource({ serverId: SERVER_ID, region: "eu-central-1", credentials, now: () => now });
  beforeEach(() => {
    [now, asked] = [START, []];
  });

  it("keeps a token for as long as a call with it arrives in time, and then signs the next", async () => {
    const source = create();
    const [first, same] = await Promise.all([source({ refused: undefined }), source({ refused: undefined })]);
    expect(same).to.equal(first);
    now += 12 * 60_000 - 1;
    expect(await source({ refused: undefined })).to.equal(first);
    now += 1;
    expect(await source({ refused: undefined })).not.to.equal(first);
    expect(asked).to.deep.equal([false, false]);
  });

  it("asks for other credentials when the service has refused a token", async () => {
    const source = create();
    const first = await source({ refused: undefined });
    now += 1000;
    const second = await source({ refused: first });
    expect(second).not.to.equal(first);
    expect(await source({ refused: first }), "the second is not refused yet").to.equal(second);
    expect(asked).to.deep.equal([false, true]);
  });

  it("refuses a region that no service asks", () => {
    const make = () => createIamTokenSource({ serverId: SERVER_ID, region: "aws-global", credentials });
    expect(make).to.throw('"aws-global" is no region of AWS');
  });

  describe("in an upload that outlasts its credentials", () => {
    let sts: DevStsServer;
    let service: RunningService;
    before(async () => {
      sts = await startDevSts();
      service = await startService({
        settings: {
          ...{ SLUICE_AUTH: "iam", SLUICE_DEV_TOKEN: "", SLUICE_IAM_ACCOUNTS: SAMPLE_ACCOUNT },
          ...{ SLUICE_IAM_SERVER_ID: SERVER_ID, AWS_ENDPOINT_URL_STS: sts.url },
        },
      });
      const grant = { member: { principal: `iam:${SAMPLE_ROLE.arn.replace(/\/[^/]*$/, "")}` }, prefixes: [] };
      const pool = await createDatabasePool("test", { url: service.databaseUrl });
      await createNamespaceRepository(pool).setGrants("default", [{ ...grant, roles: ["reader", "writer"] }], {
        actor: TEST_ACTOR,
      });
      await pool.end();
    });
    after(async () => {
      await service?.stop();
      await sts?.close();
    });

    it("goes on with those that took their place, at another replica", async () => {
      const [other, doomed] = [await service.startReplica(), await service.startReplica()];
      let identity = SAMPLE_ROLE;
      sts.identities.set(identity.accessKeyId, identity);
      const token = createIamTokenSource({
        ...{ serverId: SERVER_ID, region: "eu-central-1", endpoint: sts.url },
        credentials: async () => ({ ...identity, sessionToken: identity.sessionToken ?? "" }),
      });
      const client = createSluiceClient({ urls: [doomed.url, other.url], token });
      let stopped: Promise<void> | undefined;
      async function* read() {
        yield content.subarray(0, 300_000);
        sts.identities.clear();
        identity = { ...SAMPLE_ROLE, accessKeyId: "ASIAEXAMPLEUPLOADER1", secretAccessKey: "the next secret" };
        sts.identities.set(identity.accessKeyId, identity);
        stopped = doomed.stop();
        yield content.subarray(300_000);
      }
      const { receipt } = await client.upload(read(), "renewed");
      await stopped;
      expect(receipt?.sizeBytes).to.equal(BigInt(content.length));
      client.close();
    });
  });
});
