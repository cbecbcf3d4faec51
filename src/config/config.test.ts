import { availableParallelism } from "node:os";
import { expect } from "chai";
import { createNoteKey } from "../domain/log/signed-note.ts";
import { ConfigError, parseConfig, parseDatabase } from "./config.ts";
import { ENVIRONMENT } from "./config-environment.ts";

const MIB = 2 ** 20;
const LEAST = {
  SLUICE_DATABASE_URL: "postgres://user:secret@127.0.0.1:5432/sluice",
  SLUICE_S3_BUCKET: "bucket",
  SLUICE_S3_REGION: "eu-central-1",
  SLUICE_AUTH: "dev",
  SLUICE_DEV_TOKEN: "token-token",
};

describe("parseConfig", () => {
  const problemsOf = (environment: Record<string, string | undefined>) => {
    try {
      parseConfig(environment);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  };

  describe("who gets events", () => {
    const BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/files";

    it("refuses to send lines of the log to CloudWatch without the group and the stream that they go to", () => {
      const signed = {
        ...LEAST,
        SLUICE_OTLP_AUTH: "sigv4",
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://logs.example.org/v1/logs",
      };
      const headers = (value: string) => ({ ...signed, OTEL_EXPORTER_OTLP_LOGS_HEADERS: value });
      expect(() => parseConfig(signed)).to.throw(
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS lacks x-aws-log-group and x-aws-log-stream",
      );
      expect(() => parseConfig(headers("x-aws-log-group=a"))).to.throw(
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS lacks x-aws-log-stream,",
      );
      expect(parseConfig(headers("x-aws-log-group=a, x-aws-log-stream=b")).telemetry.logs).to.deep.equal({
        delayMs: 5000,
      });
      expect(parseConfig({ ...signed, OTEL_LOGS_EXPORTER: "none" }).telemetry.logs).to.equal(undefined);
      expect(parseConfig(LEAST).telemetry.logs).to.equal(undefined);
    });

    it("is a list of buses, and of networks beside the public ones", () => {
      const settings = { SLUICE_EVENT_BUSES: `${BUS}, ${BUS}-2`, SLUICE_WEBHOOK_NETWORKS: "10.20.0.0/16,127.0.0.0/8" };
      const { eventBuses, webhookNetworks } = parseConfig({ ...LEAST, ...settings });
      expect(eventBuses).to.deep.equal([BUS, `${BUS}-2`]);
      expect(webhookNetworks).to.deep.equal([
        { address: "10.20.0.0", bits: 16 },
        { address: "127.0.0.0", bits: 8 },
      ]);
      expect(parseConfig(LEAST)).to.deep.include({ eventBuses: [], webhookNetworks: [] });
    });

    it("is said with what is wrong", () => {
      const problemOf = (settings: Record<string, string>) => problemsOf({ ...LEAST, ...settings })[0];
      expect(problemOf({ SLUICE_EVENT_BUSES: "files" })).to.match(/names "files"; write the ARN of a bus/);
      expect(problemOf({ SLUICE_WEBHOOK_NETWORKS: "169.254.0.0/16" })).to.match(/it must lie within 10\.0\.0\.0\/8/);
      expect(problemOf({ SLUICE_WEBHOOK_NETWORKS: "10.0.0.1" })).to.match(/write a network as "10\.20\.0\.0\/16"/);
    });

    it("is never the service's own host in production", () => {
      const auth = {
        SLUICE_AUTH: "iam",
        SLUICE_IAM_ACCOUNTS: "111122223333",
        SLUICE_IAM_SERVER_ID: "files.example.org",
      };
      const { SLUICE_DEV_TOKEN: _, ...rest } = LEAST;
      const production = { ...rest, ...auth, NODE_ENV: "production" };
      const problems = problemsOf({ ...production, SLUICE_WEBHOOK_NETWORKS: "10.0.0.0/8,127.0.0.0/8" });
      expect(problems.filter((problem) => problem.includes("WEBHOOK"))).to.deep.equal([
        'SLUICE_WEBHOOK_NETWORKS names 127.0.0.0/8, the service\'s own host, which is refused while NODE_ENV is "production"',
      ]);
    });
  });

  it("needs five variables, and has a reasoned default for each other", () => {
    const config = parseConfig(LEAST);
    expect(config).to.deep.include({
      listen: { host: "127.0.0.1", port: 8080 },
      tls: undefined,
      auth: { devToken: "token-token", issuers: [], iam: undefined },
      logLevel: "info",
    });
    expect(config.uploads).to.include({ partSizeBytes: 8 * MIB, partSizeUnknownBytes: 16 * MIB, partsMax: 10_000 });
    expect(config.workers).to.equal(Math.min(availableParallelism(), 8));
    expect(config.budgetBytes).to.equal(Math.floor((Math.floor((512 * MIB) / config.workers) * 3) / 8));
    expect(config.s3).to.deep.include({ endpoint: undefined, forcePathStyle: false, region: "eu-central-1" });
    expect(Object.isFrozen(config)).to.equal(true);
  });

  it("says every problem at once, each with its name, contradictions among them", () => {
    const problems = problemsOf({
      SLUICE_LISTEN: "nowhere",
      SLUICE_WORKERS: "many",
      SLUICE_S3_BUCKET: "A bucket",
      SLUICE_TLS_CERT: "cert.pem",
      SLUICE_AUTH: "dev",
      SLUICE_STALL_TIMEOUT_MS: "5",
      SLUICE_CONNECTION_WINDOW_BYTES: "70000",
      SLUICE_STREAM_WINDOW_BYTES: "80000",
      SLUICE_MEMORY_BUDGET_BYTES: "4096",
      NODE_ENV: "production",
    });
    const names = [
      ...["SLUICE_LISTEN", "SLUICE_WORKERS", "SLUICE_DATABASE_URL", "SLUICE_S3_BUCKET", "SLUICE_STALL_TIMEOUT_MS"],
      ...["SLUICE_TLS_KEY", "SLUICE_S3_REGION", "SLUICE_AUTH names", "SLUICE_DEV_TOKEN"],
      ...["SLUICE_CONNECTION_WINDOW_BYTES", "SLUICE_MEMORY_BUDGET_BYTES"],
    ];
    for (const name of names) {
      expect(
        problems.filter((problem) => problem.startsWith(name) || problem.includes(` and ${name}`)),
        `problem of ${name}`,
      ).to.have.length(1);
    }
    expect(problems).to.have.length(names.length);
  });

  it("names one problem in the singular, and quotes bounds but no secrets", () => {
    expect(() => parseConfig({ ...LEAST, SLUICE_STALL_TIMEOUT_MS: "5" })).to.throw(
      ConfigError,
      /has a problem:\n {2}SLUICE_STALL_TIMEOUT_MS is "5"; it must be a whole number of milliseconds, .* 100 to /,
    );
    expect(problemsOf({ ...LEAST, SLUICE_DEV_TOKEN: "hunter2" })[0]).not.to.include("hunter2");
    expect(problemsOf({ ...LEAST, SLUICE_DATABASE_URL: "mysql://u:hunter2@h" })[0]).not.to.include("hunter2");
    const unencoded = problemsOf({ ...LEAST, SLUICE_DATABASE_URL: "postgres://u:hunter2[/@h/d" });
    expect(unencoded[0]).to.contain("percent-encoded").and.not.to.contain("hunter2");
  });

  it("takes values with spaces or quotes around them, as env files leave them, and sizes with a unit", () => {
    const config = parseConfig({
      ...LEAST,
      SLUICE_S3_BUCKET: "'bucket' ",
      SLUICE_LISTEN: '"0.0.0.0:8080"',
      SLUICE_PLAINTEXT: "'behind-proxy'",
      SLUICE_WORKERS: " '2'",
      SLUICE_TLS_KEY: ' "" ',
      SLUICE_MEMORY_BUDGET_BYTES: '"512MiB"',
      SLUICE_PART_SIZE_BYTES: "5 MiB",
      SLUICE_FILE_SIZE_MAX_BYTES: "1.5GiB",
    });
    expect(config.listen).to.deep.equal({ host: "0.0.0.0", port: 8080 });
    expect(config.tls).to.equal(undefined);
    expect(config).to.include({ workers: 2, budgetBytes: 96 * MIB });
    expect(config.uploads.partSizeBytes).to.equal(5 * MIB);
    expect(config.namespace).to.include({ bucket: "bucket", fileSizeMaxBytes: 1536 * MIB });
  });

  it("retains new files for as many days as it is told, and for none by itself", () => {
    expect(parseConfig(LEAST).namespace.retainDefaultMs).to.equal(0);
    expect(parseConfig({ ...LEAST, SLUICE_RETAIN_DAYS: "2" }).namespace.retainDefaultMs).to.equal(2 * 86_400_000);
  });

  it("refuses other numbers in sentences that quote them and say what would be right", () => {
    const wrong = {
      SLUICE_MEMORY_BUDGET_BYTES: "512MB",
      SLUICE_PART_SIZE_BYTES: "1e7",
      SLUICE_STALL_TIMEOUT_MS: "60s",
      SLUICE_DRAIN_TIMEOUT_MS: "9999999999",
      SLUICE_RETENTION_DAYS: "-1",
      SLUICE_RETAIN_DAYS: "36501",
      SLUICE_WORKERS: '"4',
      SLUICE_STREAM_WINDOW_BYTES: "2GiB",
    };
    expect(problemsOf({ ...LEAST, ...wrong, SLUICE_S3_TRAILERS: "yes", SLUICE_LOG_LEVEL: "loud" })).to.have.members([
      'SLUICE_MEMORY_BUDGET_BYTES is "512MB"; it must be a whole number of bytes, at least 1024, or a size like 512MiB (KiB, MiB, GiB, TiB)',
      'SLUICE_PART_SIZE_BYTES is "1e7"; it must be a whole number of bytes, at least 1024, or a size like 512MiB (KiB, MiB, GiB, TiB)',
      'SLUICE_STALL_TIMEOUT_MS is "60s"; it must be a whole number of milliseconds, in digits alone, from 100 to 2147483647',
      'SLUICE_DRAIN_TIMEOUT_MS is "9999999999"; it must be a whole number of milliseconds, in digits alone, from 0 to 2147483647',
      'SLUICE_RETENTION_DAYS is "-1"; it must be a whole number of days, in digits alone, from 1 to 36500',
      'SLUICE_RETAIN_DAYS is "36501"; it must be a whole number of days, in digits alone, from 0 to 36500',
      'SLUICE_WORKERS is ""4"; it must be a whole number of workers, in digits alone, from 1 to 256',
      'SLUICE_STREAM_WINDOW_BYTES is "2GiB"; it must be a whole number of bytes, from 65535 to 2147483647, or a size like 512MiB (KiB, MiB, GiB, TiB)',
      'SLUICE_S3_TRAILERS must be "on" or "off"',
      "SLUICE_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent",
    ]);
  });

  it("takes an empty variable for an unset one", () => {
    expect(parseConfig({ ...LEAST, SLUICE_LISTEN: "", SLUICE_TLS_KEY: "" }).listen.port).to.equal(8080);
    expect(problemsOf({ ...LEAST, SLUICE_AUTH: "" })).to.deep.equal([
      "SLUICE_AUTH is missing; set it to oidc, iam, dev, or several of them, separated by commas",
    ]);
  });

  it("reads addresses of both families, and refuses ports that there are none of", () => {
    const proxied = { ...LEAST, SLUICE_PLAINTEXT: "behind-proxy" };
    const listen = (address: string) => parseConfig({ ...proxied, SLUICE_LISTEN: address }).listen;
    expect(listen("[::1]:0")).to.deep.equal({ host: "::1", port: 0 });
    expect(listen("files.local:65535")).to.deep.equal({ host: "files.local", port: 65_535 });
    expect(problemsOf({ ...LEAST, SLUICE_LISTEN: "0.0.0.0:65536" })[0]).to.include("at most 65535");
  });

  it("leaves all streams to the workers together", () => {
    const { workers, uploadsMax } = parseConfig({ ...LEAST, SLUICE_WORKERS: "3", SLUICE_UPLOADS_MAX: "2" });
    expect([workers, uploadsMax]).to.deep.equal([3, 2]);
  });

  it("divides the connections of one address among the workers, and has no bound for them behind proxies", () => {
    const set = { ...LEAST, SLUICE_WORKERS: "3", SLUICE_ADDRESS_CONNECTIONS_MAX: "10" };
    expect(parseConfig(set).listener.connectionsPerAddressMax).to.equal(4);
    const behindProxy = parseConfig({ ...set, SLUICE_TRUSTED_PROXIES: "1" });
    expect(behindProxy.listener.connectionsPerAddressMax).to.equal(undefined);
  });

  it("divides the budget among the workers, three eighths of it for parts and one for windows", () => {
    const config = parseConfig({ ...LEAST, SLUICE_WORKERS: "2" });
    expect([config.budgetBytes, config.listener.windowsGrownMaxBytes]).to.deep.equal([96 * MIB, 32 * MIB]);
    expect(config.uploads.replayablePartMaxBytes).to.equal(48 * MIB);
    const problems = problemsOf({ ...LEAST, SLUICE_WORKERS: "9" });
    expect(problems[0]).to.match(/each of 9 workers 59652323 bytes; .* at least 67108864: raise it/);
  });

  it("keeps parts that two of fit a worker's memory for parts, of at most 64 MiB, and sends larger ones if they may end in a trailer", () => {
    const partsOf = (environment: Record<string, string>) => {
      const { replayablePartMaxBytes, partSizeMaxBytes, oneShotWindowBytes } = parseConfig({
        ...LEAST,
        SLUICE_WORKERS: "1",
        ...environment,
      }).uploads;
      return [replayablePartMaxBytes, partSizeMaxBytes, oneShotWindowBytes].map((bytes) => bytes / MIB);
    };
    expect(partsOf({})).to.deep.equal([64, 5120, 4]);
    expect(partsOf({ SLUICE_MEMORY_BUDGET_BYTES: "4GiB" })).to.deep.equal([64, 5120, 4]);
    expect(partsOf({ SLUICE_MEMORY_BUDGET_BYTES: "80MiB" })).to.deep.equal([16, 5120, 4]);
    expect(
      partsOf({ SLUICE_MEMORY_BUDGET_BYTES: "8MiB", SLUICE_PART_SIZE_BYTES: "1MiB", SLUICE_S3_PART_MIN_BYTES: "1MiB" }),
    ).to.deep.equal([2, 5120, 1]);
    expect(partsOf({ SLUICE_MEMORY_BUDGET_BYTES: "2GiB", SLUICE_PART_SIZE_BYTES: "40MiB" })[0]).to.equal(80);
    expect(partsOf({ SLUICE_S3_TRAILERS: "off" })).to.deep.equal([64, 64, 4]);
  });

  it("refuses parts that S3 would refuse after the last byte of a file", () => {
    expect(problemsOf({ ...LEAST, SLUICE_PART_SIZE_BYTES: "5MiB" })).to.deep.equal([]);
    expect(problemsOf({ ...LEAST, SLUICE_PART_SIZE_BYTES: String(5 * MIB - 1) })).to.deep.equal([
      "SLUICE_PART_SIZE_BYTES is 5242879; it must be at least 5242880: storage refuses a file of smaller parts after its last byte",
    ]);
    const lowered = { SLUICE_PART_SIZE_BYTES: "1MiB", SLUICE_S3_PART_MIN_BYTES: "1MiB" };
    expect(parseConfig({ ...LEAST, ...lowered }).uploads.partSizeBytes).to.equal(MIB);
  });

  it("lets a file be as large as S3's parts can hold", () => {
    const sizeOf = (text: string) =>
      parseConfig({ ...LEAST, SLUICE_FILE_SIZE_MAX_BYTES: text }).namespace.fileSizeMaxBytes;
    expect(sizeOf("53687091200000")).to.equal(10_000 * 5 * 2 ** 30);
    expect(problemsOf({ ...LEAST, SLUICE_FILE_SIZE_MAX_BYTES: "53687091200001" })[0]).to.include(
      "from 1 to 53687091200000",
    );
  });

  it("lets slow uploads take steps of a quarter of a worker's budget together, from 16 to 256 KiB each", () => {
    const stepOf = (uploadsMax: number) =>
      parseConfig({ ...LEAST, SLUICE_WORKERS: "2", SLUICE_UPLOADS_MAX: String(uploadsMax) }).budget.stepBytes;
    expect([stepOf(10), stepOf(1000), stepOf(100_000)]).to.deep.equal([
      256 * 1024,
      Math.floor((24 * MIB) / 1000),
      16_384,
    ]);
  });

  describe("the ways to authenticate", () => {
    const issuersAt = (issuer: string) => JSON.stringify([{ alias: "corp", issuer, audiences: ["sluice"] }]);
    const OIDC = {
      SLUICE_AUTH: "oidc",
      SLUICE_DEV_TOKEN: undefined,
      SLUICE_OIDC_ISSUERS: issuersAt("https://id.example.org"),
    };

    it("refuses development tokens in production, alone or beside others, and a token that is missing", () => {
      for (const way of ["dev", "oidc,dev"]) {
        const set = { ...LEAST, ...OIDC, SLUICE_DEV_TOKEN: "token-token", SLUICE_AUTH: way, NODE_ENV: "production" };
        expect(problemsOf(set)[0]).to.include("names dev, which is refused");
      }
      expect(problemsOf({ ...LEAST, SLUICE_DEV_TOKEN: undefined })[0]).to.include("SLUICE_DEV_TOKEN is missing");
    });

    it("starts in production with an issuer", () => {
      const { auth } = parseConfig({ ...LEAST, ...OIDC, NODE_ENV: "production" });
      expect(auth.devToken).to.equal(undefined);
      expect(auth.issuers[0]).to.include({ alias: "corp", issuer: "https://id.example.org" });
    });

    it("takes both, and then no development token that could be judged as another kind", () => {
      const both = { ...LEAST, ...OIDC, SLUICE_AUTH: " oidc , dev", SLUICE_DEV_TOKEN: "token-token" };
      expect(parseConfig(both).auth).to.have.property("devToken", "token-token");
      for (const token of ["a1b2c3.d4e5.f6", "sluice-iam-v1.d4e5"])
        expect(problemsOf({ ...both, SLUICE_DEV_TOKEN: token })[0])
          .to.include("has dots, as tokens of other kinds")
          .not.include("d4e5");
      expect(problemsOf({ ...LEAST, SLUICE_DEV_TOKEN: "a1b2c3.d4e5.f6" })).to.deep.equal([]);
    });

    it("takes no development token that would be judged as an upload token", () => {
      expect(problemsOf({ ...LEAST, SLUICE_DEV_TOKEN: "sluice-upload.secret" })[0])
        .to.include("form of an upload token")
        .not.include("secret");
    });

    it("takes keys for upload tokens, and none", () => {
      const key = Buffer.alloc(32, 7);
      const { uploadTokens } = parseConfig({ ...LEAST, SLUICE_TOKEN_KEYS: JSON.stringify([key.toString("base64")]) });
      expect(uploadTokens).to.deep.equal({ keys: [key], lifetimeMaxMs: 86_400_000 });
      expect(parseConfig(LEAST).uploadTokens.keys).to.deep.equal([]);
      expect(problemsOf({ ...LEAST, SLUICE_UPLOAD_TOKEN_MAX_SECONDS: "604801" })[0]).to.include("from 1 to 604800");
    });

    it("leaves a token of the other way alone, and accepts it no more", () => {
      expect(parseConfig({ ...LEAST, ...OIDC, SLUICE_DEV_TOKEN: "token-token" }).auth.devToken).to.equal(undefined);
    });

    it("says what is missing, or would have no effect", () => {
      expect(problemsOf({ ...LEAST, ...OIDC, SLUICE_OIDC_ISSUERS: "" })[0]).to.include(
        "SLUICE_OIDC_ISSUERS is missing",
      );
      expect(problemsOf({ ...LEAST, ...OIDC, ...LEAST })[0]).to.include("SLUICE_AUTH does not name oidc");
      expect(problemsOf({ ...LEAST, SLUICE_AUTH: "oidc,saml" })[0]).to.equal(
        'SLUICE_AUTH names "saml", which is no way to authenticate; write oidc, iam, dev, or several of them',
      );
    });

    describe("of callers of AWS", () => {
      const IAM = {
        ...{ ...LEAST, SLUICE_AUTH: "iam", SLUICE_DEV_TOKEN: undefined },
        ...{ SLUICE_IAM_ACCOUNTS: "111122223333, 444455556666", SLUICE_IAM_SERVER_ID: "files.example.org" },
      };

      it("are let in by their accounts, for one name of the service, in production too", () => {
        expect(parseConfig({ ...IAM, NODE_ENV: "production" }).auth).to.deep.equal({
          devToken: undefined,
          issuers: [],
          iam: { accounts: ["111122223333", "444455556666"], serverId: "files.example.org", endpoint: undefined },
        });
      });

      it("need both settings, and have them for nothing without the way", () => {
        expect(problemsOf({ ...IAM, SLUICE_IAM_ACCOUNTS: "", SLUICE_IAM_SERVER_ID: "" })).to.deep.equal([
          "SLUICE_IAM_ACCOUNTS is missing; SLUICE_AUTH names iam (docs/security.md)",
          "SLUICE_IAM_SERVER_ID is missing; SLUICE_AUTH names iam (docs/security.md)",
        ]);
        expect(problemsOf({ ...IAM, ...LEAST })[0]).to.include("SLUICE_IAM_ACCOUNTS is set, but SLUICE_AUTH");
      });

      it("are told apart by whole accounts and names", () => {
        expect(problemsOf({ ...IAM, SLUICE_IAM_ACCOUNTS: "111122223333,1111*" })[0]).to.include('names "1111*"');
        for (const id of ["ab", "a b c", "-files", "x".repeat(256)])
          expect(problemsOf({ ...IAM, SLUICE_IAM_SERVER_ID: id })[0], id).to.include("SLUICE_IAM_SERVER_ID must be 3");
      });

      it("may be asked about at another address, by TLS or on this machine", () => {
        const at = (endpoint: string, NODE_ENV?: string) =>
          problemsOf({ ...IAM, AWS_ENDPOINT_URL_STS: endpoint, NODE_ENV })[0];
        expect(at("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com", "production")).to.equal(undefined);
        expect(at("https://sts.example.org:8443/")).to.equal(undefined);
        expect(at("https://sts.example.org/proxy")).to.include("has more than scheme, host and port");
        expect(at("https://sts.example.org?x=1")).to.include("has more than scheme, host and port");
        expect(at("https://user:hidden@sts.example.org")).to.include("has more than").and.not.include("hidden");
        expect(at("http://127.0.0.1:9")).to.equal(undefined);
        expect(at("http://127.0.0.1:9", "production")).to.include("it must be https:// in production");
        expect(at("http://sts.example.org")).to.include("whoever answers there says who callers are");
        const elsewhere = { ...LEAST, AWS_ENDPOINT_URL_STS: "http://sts.example.org" };
        expect(problemsOf(elsewhere), "no caller is asked about").to.deep.equal([]);
      });

      it("are admins by their whole names alone", () => {
        const role = "iam:arn:aws:sts::111122223333:assumed-role/ops";
        expect(parseConfig({ ...IAM, SLUICE_ADMINS: role }).admins).to.deep.equal([role]);
        expect(problemsOf({ ...IAM, SLUICE_ADMINS: `${role}-*` })[0]).to.include('a "*" is not for this place');
        expect(problemsOf({ ...IAM, SLUICE_ADMINS: "iam:ops" })[0]).to.include("assumed-role/<role>");
      });
    });

    it("takes an issuer without TLS on this machine alone, and never in production", () => {
      const at = (issuer: string, NODE_ENV?: string) =>
        problemsOf({ ...LEAST, ...OIDC, SLUICE_OIDC_ISSUERS: issuersAt(issuer), NODE_ENV });
      for (const issuer of ["http://127.0.0.1:9", "http://localhost:9/x", "http://[::1]:9"]) {
        expect(at(issuer), issuer).to.deep.equal([]);
        expect(at(issuer, "production")[0], issuer).to.include("without TLS, which is refused");
      }
    });
  });

  it("takes the region from AWS_REGION, paths for S3 servers other than AWS, TLS files and origins", () => {
    const config = parseConfig({
      ...LEAST,
      SLUICE_S3_REGION: undefined,
      AWS_REGION: "us-east-1",
      SLUICE_S3_ENDPOINT: "http://127.0.0.1:9000",
      SLUICE_TLS_CERT: "c.pem",
      SLUICE_TLS_KEY: "k.pem",
      SLUICE_CORS_ORIGINS: "https://a,, https://b",
      SLUICE_S3_TRAILERS: "off",
    });
    expect(config.s3).to.deep.include({ region: "us-east-1", forcePathStyle: true });
    expect(config.tls).to.deep.equal({ certFile: "c.pem", keyFile: "k.pem", clientCaFile: undefined });
    expect(config.api.corsOrigins).to.deep.equal(["https://a", "https://b"]);
    expect(config.body.layout.form).to.equal("header");
    expect(config.body.layout.corkBytes).not.to.equal(parseConfig(LEAST).body.layout.corkBytes);
  });

  it("reads callers' files with a role whose sessions outlast the URLs it signs", () => {
    const SLUICE_S3_READ_ROLE_ARN = "arn:aws:iam::111122223333:role/my-files-read";
    expect(parseConfig(LEAST).s3.readRole).to.equal(undefined);
    expect(parseConfig({ ...LEAST, SLUICE_S3_READ_ROLE_ARN }).s3.readRole).to.deep.equal({
      roleArn: SLUICE_S3_READ_ROLE_ARN,
      lifetimeMinMs: 900_000,
    });
    const withUrls = (seconds: string) => ({ ...LEAST, SLUICE_DOWNLOAD_URL_MAX_SECONDS: seconds });
    expect(problemsOf(withUrls("3001"))).to.deep.equal([]);
    expect(problemsOf({ ...withUrls("3000"), SLUICE_S3_READ_ROLE_ARN })).to.deep.equal([]);
    expect(problemsOf({ ...withUrls("3001"), SLUICE_S3_READ_ROLE_ARN })[0])
      .to.include("is 3001; with")
      .and.include("3000");
    expect(problemsOf({ ...LEAST, SLUICE_S3_READ_ROLE_ARN: "my-files-read" })[0]).to.include(
      "must be the ARN of a role",
    );
  });

  it("takes origins as browsers send them, and says how to write others", () => {
    const originsOf = (said: string) => parseConfig({ ...LEAST, SLUICE_CORS_ORIGINS: said }).api.corsOrigins;
    for (const origin of [
      ...["*", "https://app.example.com", "http://localhost:5173", "http://[::1]:8080", "http://127.0.0.1"],
      ...["capacitor://localhost", "chrome-extension://abcdefghijklmnop"],
    ]) {
      expect(originsOf(` ${origin} ,`), origin).to.deep.equal([origin]);
    }
    for (const [said, right] of [
      ["https://a.example/", 'write "https://a.example"'],
      ["https://A.example", 'write "https://a.example"'],
      ["https://a.example:443", 'write "https://a.example"'],
      ["https://a.example/console?x=1", 'write "https://a.example"'],
      ["HTTP://a.example", 'write "http://a.example"'],
      ...["nonsense", "a.example", "null", "https://", "*.example.com", "https://*.a b", "file:///x"].map(
        (text) => [text, 'write scheme, host and port, such as "https://app.example.com"'] as const,
      ),
    ] as const) {
      const sentence = `SLUICE_CORS_ORIGINS names "${said}", which is no origin: ${right}, or "*" for all`;
      expect(() => originsOf(`https://b.example,${said}`), said).to.throw(ConfigError, sentence);
    }
  });

  it("publishes an audit log into a bucket, or a folder of it, by keys that it has", () => {
    const { signingKey } = createNoteKey("example.org/log");
    const keys = JSON.stringify([signingKey]);
    const auditLogOf = (settings: Record<string, string>) => parseConfig({ ...LEAST, ...settings }).auditLog;
    expect(auditLogOf({})).to.equal(undefined);
    expect(auditLogOf({ SLUICE_AUDIT_BUCKET: "company-audit", SLUICE_AUDIT_KEYS: keys })).to.deep.include({
      ...{ bucket: "company-audit", prefix: "", region: "eu-central-1", lockMs: 3650 * 86_400_000 },
    });
    const elsewhere = { SLUICE_AUDIT_BUCKET: "company-audit/sluice/one", SLUICE_AUDIT_REGION: "eu-west-1" };
    expect(auditLogOf({ ...elsewhere, SLUICE_AUDIT_KEYS: keys, SLUICE_AUDIT_LOCK_DAYS: "30" })).to.deep.include({
      ...{ bucket: "company-audit", prefix: "sluice/one/", region: "eu-west-1", lockMs: 30 * 86_400_000 },
    });
    for (const bucket of ["A", "ab", "company-audit/", "company-audit//x", "company-audit/../x", "s3://company-audit"])
      expect(() => auditLogOf({ SLUICE_AUDIT_BUCKET: bucket, SLUICE_AUDIT_KEYS: keys }), bucket).to.throw(
        ConfigError,
        "SLUICE_AUDIT_BUCKET must be the name of a bucket",
      );
    for (const half of [{ SLUICE_AUDIT_BUCKET: "company-audit" }, { SLUICE_AUDIT_KEYS: keys }])
      expect(() => auditLogOf(half as never)).to.throw(ConfigError, "belong together");
  });

  it("ignores what is not its own", () => {
    expect(() => parseConfig({ ...LEAST, PATH: "/bin", SLUICE_UNKNOWN: "1" })).not.to.throw();
    expect(Object.keys(ENVIRONMENT)).to.include("SLUICE_LISTEN");
  });
});

describe("parseDatabase", () => {
  it("needs nothing but the database", () => {
    const { SLUICE_DATABASE_URL } = LEAST;
    expect(parseDatabase({ SLUICE_DATABASE_URL: ` '${SLUICE_DATABASE_URL}'` }).url).to.equal(SLUICE_DATABASE_URL);
    const direct = "postgres://user:secret@127.0.0.1:5432/direct";
    expect(parseDatabase({ SLUICE_DATABASE_URL, SLUICE_DATABASE_DIRECT_URL: direct }).url).to.equal(direct);
    expect(() => parseDatabase({})).to.throw(ConfigError, /a problem:\n {2}SLUICE_DATABASE_URL is missing/);
    expect(() => parseDatabase({ SLUICE_DATABASE_URL: "mysql://h" })).to.throw(ConfigError, "postgres://");
  });
});
