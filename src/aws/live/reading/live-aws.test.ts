import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import type { BucketFacet, LiveAws, LiveAwsProblem, RoleFacet } from "../comparison/live-facets.ts";
import { createLiveAws } from "./live-aws.ts";

/** An answer of the scripted server. S3 requests are told apart by the first parameter of the query, IAM requests by `Action`. */
interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

const { signal } = new AbortController();

describe("createLiveAws", () => {
  let server: Server;
  let url: string;
  let liveAws: LiveAws & { close(): void };
  let answers: Record<string, Answer | readonly Answer[]>;
  let asked: string[];
  /** Regions that the requests were signed for. */
  let scopes: string[];

  before(async () => {
    server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    answers = {};
    asked = [];
    scopes = [];
    liveAws = createLiveAws(place());
  });
  afterEach(() => liveAws.close());
  after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  const place = () => ({
    region: "eu-central-1",
    account: "111122223333",
    endpoint: url,
    iamEndpoint: url,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = Buffer.concat(await request.toArray()).toString();
    const what =
      new URLSearchParams(text).get("Action") ?? `${request.method} ${request.url?.replace(/^\/[^?]*\??/, "")}`;
    asked.push(what);
    scopes.push(/Credential=\w+\/\d+\/([a-z0-9-]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "");
    const key = Object.keys(answers).find((one) => what.startsWith(one)) ?? "";
    const said = answers[key] ?? { status: 404, body: errorXml("NoSuchBucket") };
    const { status, headers = {}, body = "" } = ("status" in said ? said : said[asked.length - 1]) as Answer;
    response.writeHead(status, { "content-type": "application/xml", connection: "close", ...headers }).end(body);
  }

  describe("reading what few other servers keep", () => {
    const CASES: Readonly<Partial<Record<BucketFacet, { query: string; xml: string; form: unknown }>>> = {
      BucketEncryption: {
        query: "encryption",
        xml: "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled><BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>",
        form: {
          ServerSideEncryptionConfiguration: [
            {
              ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
              BucketKeyEnabled: false,
              BlockedEncryptionTypes: { EncryptionType: ["SSE-C"] },
            },
          ],
        },
      },
      LoggingConfiguration: {
        query: "logging",
        xml: "<BucketLoggingStatus><LoggingEnabled><TargetBucket>my-files-logs</TargetBucket><TargetPrefix>access/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
        form: { DestinationBucketName: "my-files-logs", LogFilePrefix: "access/" },
      },
      NotificationConfiguration: {
        query: "notification",
        xml: "<NotificationConfiguration><EventBridgeConfiguration></EventBridgeConfiguration><QueueConfiguration><Id>1</Id><Queue>arn:aws:sqs:eu-central-1:111122223333:q</Queue><Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule><Name>Prefix</Name><Value>files/</Value></FilterRule></S3Key></Filter></QueueConfiguration><TopicConfiguration><Id>2</Id><Topic>arn:aws:sns:eu-central-1:111122223333:t</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration><CloudFunctionConfiguration><Id>3</Id><CloudFunction>arn:aws:lambda:eu-central-1:111122223333:function:f</CloudFunction><Event>s3:ObjectCreated:Put</Event></CloudFunctionConfiguration></NotificationConfiguration>",
        form: {
          EventBridgeConfiguration: { EventBridgeEnabled: true },
          LambdaConfigurations: [
            { Event: "s3:ObjectCreated:Put", Function: "arn:aws:lambda:eu-central-1:111122223333:function:f" },
          ],
          QueueConfigurations: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"].map((Event) => ({
            Event,
            Queue: "arn:aws:sqs:eu-central-1:111122223333:q",
            Filter: { S3Key: { Rules: [{ Name: "prefix", Value: "files/" }] } },
          })),
          TopicConfigurations: [{ Event: "s3:ObjectCreated:*", Topic: "arn:aws:sns:eu-central-1:111122223333:t" }],
        },
      },
      MetadataConfiguration: {
        query: "metadataConfiguration",
        xml: "<GetBucketMetadataConfigurationResult><MetadataConfigurationResult><DestinationResult><TableBucketType>aws</TableBucketType><TableBucketArn>arn:aws:s3tables:eu-central-1:111122223333:bucket/aws-s3</TableBucketArn><TableNamespace>b_my-files</TableNamespace></DestinationResult><JournalTableConfigurationResult><TableStatus>ACTIVE</TableStatus><TableName>journal</TableName><RecordExpiration><Expiration>ENABLED</Expiration><Days>365</Days></RecordExpiration></JournalTableConfigurationResult><InventoryTableConfigurationResult><ConfigurationState>ENABLED</ConfigurationState><TableStatus>BACKFILLING</TableStatus><TableName>inventory</TableName></InventoryTableConfigurationResult></MetadataConfigurationResult></GetBucketMetadataConfigurationResult>",
        form: {
          JournalTableConfiguration: { RecordExpiration: { Expiration: "ENABLED", Days: 365 } },
          InventoryTableConfiguration: { ConfigurationState: "ENABLED" },
        },
      },
      MetricsConfigurations: {
        query: "metrics",
        xml: "<ListMetricsConfigurationsResult><MetricsConfiguration><Id>Files</Id><Filter><And><Prefix>files/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter></MetricsConfiguration><MetricsConfiguration><Id>All</Id></MetricsConfiguration><IsTruncated>false</IsTruncated></ListMetricsConfigurationsResult>",
        form: [{ Id: "Files", Prefix: "files/", TagFilters: [{ Key: "a", Value: "b" }] }, { Id: "All" }],
      },
      InventoryConfigurations: {
        query: "inventory",
        xml: "<ListInventoryConfigurationsResult><InventoryConfiguration><Id>files</Id><IsEnabled>true</IsEnabled><Filter><Prefix>files/</Prefix></Filter><Destination><S3BucketDestination><AccountId>111122223333</AccountId><Format>CSV</Format><Bucket>arn:aws:s3:::my-files-logs</Bucket><Prefix>inventory</Prefix></S3BucketDestination></Destination><Schedule><Frequency>Weekly</Frequency></Schedule><IncludedObjectVersions>All</IncludedObjectVersions><OptionalFields><Field>Size</Field><Field>ETag</Field></OptionalFields></InventoryConfiguration><IsTruncated>false</IsTruncated></ListInventoryConfigurationsResult>",
        form: [
          {
            Id: "files",
            Enabled: true,
            Prefix: "files/",
            Destination: {
              BucketArn: "arn:aws:s3:::my-files-logs",
              BucketAccountId: "111122223333",
              Format: "CSV",
              Prefix: "inventory",
            },
            ScheduleFrequency: "Weekly",
            IncludedObjectVersions: "All",
            OptionalFields: ["Size", "ETag"],
          },
        ],
      },
      IntelligentTieringConfigurations: {
        query: "intelligent-tiering",
        xml: "<ListBucketIntelligentTieringConfigurationsOutput><IntelligentTieringConfiguration><Id>deep</Id><Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter><Status>Enabled</Status><Tiering><AccessTier>DEEP_ARCHIVE_ACCESS</AccessTier><Days>180</Days></Tiering></IntelligentTieringConfiguration></ListBucketIntelligentTieringConfigurationsOutput>",
        form: [
          {
            Id: "deep",
            Status: "Enabled",
            TagFilters: [{ Key: "a", Value: "b" }],
            Tierings: [{ AccessTier: "DEEP_ARCHIVE_ACCESS", Days: 180 }],
          },
        ],
      },
      ReplicationConfiguration: {
        query: "replication",
        xml: "<ReplicationConfiguration><Role>arn:aws:iam::111122223333:role/r</Role><Rule><ID>files</ID><Priority>1</Priority><Status>Enabled</Status><Filter><And><Prefix>files/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter><DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::copies</Bucket></Destination></Rule><Rule><ID>old</ID><Prefix>x/</Prefix><Status>Disabled</Status><Destination><Bucket>arn:aws:s3:::copies</Bucket></Destination></Rule></ReplicationConfiguration>",
        form: {
          Role: "arn:aws:iam::111122223333:role/r",
          Rules: [
            {
              Id: "files",
              Priority: 1,
              Status: "Enabled",
              Filter: { And: { Prefix: "files/", TagFilters: [{ Key: "a", Value: "b" }] } },
              DeleteMarkerReplication: { Status: "Enabled" },
              Destination: { Bucket: "arn:aws:s3:::copies" },
            },
            { Id: "old", Prefix: "x/", Status: "Disabled", Destination: { Bucket: "arn:aws:s3:::copies" } },
          ],
        },
      },
      LifecycleConfiguration: {
        query: "lifecycle",
        xml: "<LifecycleConfiguration><Rule><ID>all</ID><Status>Enabled</Status><Filter><And><Prefix>a/</Prefix><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration><NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>9</NoncurrentDays></NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>",
        form: {
          Rules: [
            {
              Id: "all",
              Status: "Enabled",
              Prefix: "a/",
              ObjectSizeGreaterThan: 5,
              ExpirationDate: "2030-01-01T00:00:00.000Z",
              NoncurrentVersionTransitions: [{ TransitionInDays: 3, StorageClass: "GLACIER" }],
              NoncurrentVersionExpiration: { NoncurrentDays: 9 },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
      },
      ObjectLockConfiguration: {
        query: "object-lock",
        xml: "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>7</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
        form: { ObjectLockEnabled: "Enabled", Rule: { DefaultRetention: { Mode: "COMPLIANCE", Days: 7 } } },
      },
    };
    for (const [facet, { query, xml, form }] of Object.entries(CASES)) {
      it(`brings ${facet} into CloudFormation's form`, async () => {
        answers = { [`GET ${query}`]: { status: 200, body: xml } };
        expect(await liveAws.readBucket("my-files", facet as BucketFacet, { signal })).to.deep.equal(form);
      });
    }

    it("follows a list to its next page, and no further than ten", async () => {
      const page = (id: string, next: string) =>
        `<ListMetricsConfigurationsResult><MetricsConfiguration><Id>${id}</Id></MetricsConfiguration>${next}</ListMetricsConfigurationsResult>`;
      const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
      answers = {
        GET: [
          { status: 200, body: page("1", more) },
          { status: 200, body: page("2", "") },
        ],
      };
      const two = [{ Id: "1" }, { Id: "2" }];
      expect(await liveAws.readBucket("my-files", "MetricsConfigurations", { signal })).to.deep.equal(two);
      answers = { GET: { status: 200, body: page("1", more) } };
      expect(await liveAws.readBucket("my-files", "MetricsConfigurations", { signal })).to.have.length(10);
    });

    it("follows the lists of a role's policies", async () => {
      const page = (action: string, items: string, more: string) => ({
        status: 200,
        body: `<${action}Response><${action}Result>${items}${more}</${action}Result></${action}Response>`,
      });
      const more = "<IsTruncated>true</IsTruncated><Marker>m</Marker>";
      const [name, arn] = ["PolicyNames", "AttachedPolicies"];
      const attached = (one: string) => `<${arn}><member><PolicyArn>${one}</PolicyArn></member></${arn}>`;
      answers = {
        ListAttachedRolePolicies: [
          page("ListAttachedRolePolicies", attached("a"), more),
          page("ListAttachedRolePolicies", attached("b"), ""),
        ],
      };
      expect(await liveAws.readRole("r", "ManagedPolicyArns", { signal })).to.deep.equal(["a", "b"]);
      asked = [];
      const encoded = encodeURIComponent('{"Version":"2012-10-17"}');
      answers = {
        ListRolePolicies: [
          page("ListRolePolicies", `<${name}><member>one</member></${name}>`, more),
          page("ListRolePolicies", `<${name}></${name}>`, ""),
        ],
        GetRolePolicy: page("GetRolePolicy", `<PolicyDocument>${encoded}</PolicyDocument>`, ""),
      };
      expect(await liveAws.readRole("r", "Policies", { signal })).to.deep.equal([
        { PolicyName: "one", PolicyDocument: { Version: "2012-10-17" } },
      ]);
    });
  });

  it("asks for a bucket in its own region where that is said", async () => {
    answers = { "GET versioning": { status: 200, body: "<VersioningConfiguration/>" } };
    await liveAws.readBucket("my-files", "VersioningConfiguration", { signal });
    await liveAws.readBucket("far-files", "VersioningConfiguration", { signal, region: "eu-west-1" });
    expect(scopes).to.deep.equal(["eu-central-1", "eu-west-1"]);
  });

  describe("reading the region", () => {
    const location = (region: string) => ({
      status: 200,
      body: `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${region}</LocationConstraint>`,
    });
    for (const [said, region] of [
      ["eu-central-1", "eu-central-1"],
      ["EU", "eu-west-1"],
      ["", "us-east-1"],
    ] as const) {
      it(`knows "${said}" as ${region}`, async () => {
        answers = { "GET location": location(said) };
        expect(await liveAws.readBucket("my-files", "Region", { signal })).to.equal(region);
      });
    }

    it("asks HEAD where GetBucketLocation is refused, and believes its header whatever its status", async () => {
      const headers = { "x-amz-bucket-region": "eu-west-1" };
      for (const head of [
        { status: 200, headers },
        { status: 403, headers },
        { status: 301, headers },
      ]) {
        answers = { "GET location": { status: 403, body: errorXml("AccessDenied") }, HEAD: head };
        expect(await liveAws.readBucket("my-files", "Region", { signal })).to.equal("eu-west-1");
      }
    });

    it("reports the refusal where HEAD knows no region either", async () => {
      answers = { "GET location": { status: 403, body: errorXml("AccessDenied") }, HEAD: { status: 403 } };
      expect(await problemOf("Region")).to.have.property("kind", "denied");
    });
  });

  describe("when it is refused", () => {
    for (const [status, code, kind] of [
      [403, "AccessDenied", "denied"],
      [501, "NotImplemented", "unsupported"],
      [405, "MethodNotAllowed", "unsupported"],
      [404, "NoSuchBucket", "missing"],
      [301, "PermanentRedirect", "elsewhere"],
      [400, "AuthorizationHeaderMalformed", "elsewhere"],
      [403, "InvalidAccessKeyId", "credentials"],
      [403, "SignatureDoesNotMatch", "credentials"],
      [400, "ExpiredToken", "credentials"],
      [400, "InvalidRequest", "failed"],
    ] as const) {
      it(`calls ${code} ${kind}`, async () => {
        answers = { "GET cors": { status, body: errorXml(code) } };
        const problem = await problemOf("CorsConfiguration");
        expect(problem).to.have.property("kind", kind);
        expect(problem.message).to.not.equal("");
      });
    }

    it("names the permission that is missing", async () => {
      answers = { "GET cors": { status: 403, body: errorXml("AccessDenied") } };
      expect((await problemOf("CorsConfiguration")).message).to.contain("it takes s3:GetBucketCORS on bucket my-files");
      const body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
      answers = { GetRole: { status: 403, body } };
      expect((await roleProblemOf("Role")).message).to.contain("it takes iam:GetRole on role my-role");
    });

    it("names the region of a bucket that lies elsewhere", async () => {
      const headers = { "x-amz-bucket-region": "us-west-2" };
      answers = { "GET cors": { status: 301, headers, body: errorXml("PermanentRedirect") } };
      expect(await problemOf("CorsConfiguration")).to.include({ kind: "elsewhere", region: "us-west-2" });
    });

    it("takes nothing configured for nothing, not for a failure", async () => {
      answers = { "GET cors": { status: 404, body: errorXml("NoSuchCORSConfiguration") } };
      expect(await liveAws.readBucket("my-files", "CorsConfiguration", { signal })).to.equal(undefined);
    });

    it("tries three times when the server is busy, and no more", async () => {
      answers = { "GET cors": { status: 503, body: errorXml("SlowDown") } };
      expect(await problemOf("CorsConfiguration")).to.have.property("kind", "failed");
      expect(asked).to.have.length(3);
    });
  });

  describe("without", () => {
    it("an IAM endpoint beside that of S3, asks for no roles", async () => {
      const alone = createLiveAws({ ...place(), iamEndpoint: undefined });
      const problem = await alone.readRole("my-role", "Role", { signal }).catch((thrown: unknown) => thrown);
      expect(problem).to.have.property("kind", "unsupported");
      expect(asked).to.deep.equal([]);
      alone.close();
    });

    it("credentials, says how to give some", async () => {
      const missing = Object.assign(new Error("Could not load credentials"), { name: "CredentialsProviderError" });
      const nobody = createLiveAws({ ...place(), credentials: () => Promise.reject(missing) });
      const problem = await nobody.readBucket("my-files", "Tags", { signal }).catch((thrown: unknown) => thrown);
      expect(problem).to.have.property("kind", "credentials");
      expect((problem as Error).message).to.contain("no AWS credentials were found");
      nobody.close();
    });

    it("anybody who listens, names the error", async () => {
      const gone = createLiveAws({ ...place(), endpoint: "http://127.0.0.1:1" });
      const problem = await gone.readBucket("my-files", "Region", { signal }).catch((thrown: unknown) => thrown);
      expect(problem).to.have.property("kind", "failed");
      expect((problem as Error).message).to.contain("ECONNREFUSED");
      gone.close();
    });
  });

  async function problemOf(facet: BucketFacet): Promise<LiveAwsProblem> {
    return await liveAws.readBucket("my-files", facet, { signal }).then(
      () => expect.fail("nothing stood in the way"),
      (error: LiveAwsProblem) => error,
    );
  }

  async function roleProblemOf(facet: RoleFacet): Promise<LiveAwsProblem> {
    return await liveAws.readRole("my-role", facet, { signal }).then(
      () => expect.fail("nothing stood in the way"),
      (error: LiveAwsProblem) => error,
    );
  }
});

function errorXml(code: string): string {
  return `<Error><Code>${code}</Code><Message>in words</Message></Error>`;
}
