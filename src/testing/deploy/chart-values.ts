const REGION = "eu-central-1";
const DATABASE = `sluice.abc123.${REGION}.rds.amazonaws.com:5432/sluice?sslmode=verify-full`;

/** What `deploy.sh` knows from the stacks of the bucket `my-files` and of the database. */
export const STACK_VALUES = {
  environment: {
    SLUICE_DATABASE_URL: `postgres://sluice_service@${DATABASE}`,
    SLUICE_S3_BUCKET: "my-files",
    SLUICE_S3_REGION: REGION,
    SLUICE_S3_KEY_PREFIX: "files/",
    SLUICE_S3_READ_ROLE_ARN: "arn:aws:iam::111122223333:role/my-files-read",
  },
  secretEnvironment: { SLUICE_TOKEN_KEYS: { secret: "sluice-token-keys", key: "keys" } },
  migration: { databaseUrl: `postgres://sluice@${DATABASE}` },
};

/** What a person decides, as docs/deploying.md has it. */
export const OWN_VALUES = {
  image: `111122223333.dkr.ecr.${REGION}.amazonaws.com/sluice:0.1.0`,
  environment: {
    SLUICE_PUBLIC_URL: "https://files.example.com",
    SLUICE_OIDC_ISSUERS: '[{"alias":"corp","issuer":"https://id.example.com","audiences":["sluice"]}]',
    SLUICE_ADMINS: "corp:ops",
  },
  loadBalancer: {
    kind: "alb",
    certificateArn: `arn:aws:acm:${REGION}:111122223333:certificate/12345678-1234-1234-1234-123456789012`,
  },
};

/** The values of the golden renderings, by the name of the file. A change of any of them is to be seen in review. */
export const GOLDEN_VALUES = {
  /** As the page about deploying leads to it. */
  defaults: [STACK_VALUES, OWN_VALUES],
  /** With all that the chart has. The rules of Prometheus alone are left out, which have a file of their own. */
  everything: [
    STACK_VALUES,
    OWN_VALUES,
    {
      imagePullSecrets: ["registry"],
      environment: {
        SLUICE_DATABASE_AUTH: "password",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.monitoring:4318",
      },
      secretEnvironment: { PGPASSWORD: { secret: "sluice-database", key: "password" } },
      autoscaling: { memoryBudgetMetric: "sluice_memory_budget_used" },
      loadBalancer: { kind: "nlb", scheme: "internal" },
      tls: { secret: "sluice-tls" },
      databaseCa: { secret: "sluice-database-ca" },
      extraCa: { configMap: "kube-root-ca.crt" },
      networkPolicy: { callers: [{ ipBlock: { cidr: "10.0.0.0/16" } }] },
      prometheus: { serviceMonitor: true },
      migration: { engine: "flyway" },
    },
  ],
  /** With as little as possible, under a role by the token of its service account. */
  irsa: [
    STACK_VALUES,
    OWN_VALUES,
    {
      serviceAccount: { name: "files", roleArn: "arn:aws:iam::111122223333:role/my-files-write" },
      replicas: { min: 3, max: 3 },
      loadBalancer: { kind: "none" },
      networkPolicy: { enabled: false },
      migration: { engine: "none" },
    },
  ],
} satisfies Record<string, object[]>;

/** Where the golden renderings lie. */
export function toGoldenFile(name: string): URL {
  return new URL(`./golden/${name}.yaml`, import.meta.url);
}
