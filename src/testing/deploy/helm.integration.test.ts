import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { parse } from "yaml";
import { openPromtool } from "../rigs/telemetry/promtool.ts";
import { GOLDEN_VALUES, OWN_VALUES, STACK_VALUES, toGoldenFile } from "./chart-values.ts";
import { findHelm, type Helm } from "./helm.ts";
import { findManifest } from "./manifests.ts";

describe("deploy/helm, by Helm itself", () => {
  let helm: Helm;
  before(async function () {
    const found = await findHelm();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      return this.skip();
    }
    helm = found;
  });

  for (const [name, values] of Object.entries(GOLDEN_VALUES)) {
    it(`renders ${name} as the golden file has it`, async () => {
      const rendered = await helm.template(values);
      expect(rendered, 'read what has changed, then run "npm run generate:chart"').to.equal(
        await readFile(toGoldenFile(name), "utf8"),
      );
    });

    it(`passes helm lint with the values of ${name}`, async () => {
      await helm.lint(values);
    });
  }

  it("opens every port of a URL in the environment to the service, and no other", async () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      SLUICE_CORS_ORIGINS: "https://app.example.com:9443",
      SLUICE_DATABASE_READ_URL: "postgres://sluice_service@replica/sluice",
      SLUICE_OIDC_ISSUERS: '[{"issuer":"https://id.example.com:8443"}]',
      SLUICE_S3_ENDPOINT: "http://storage",
    };
    const text = await helm.template([...GOLDEN_VALUES.irsa, { environment, networkPolicy: { enabled: true } }]);
    const [, urls] = findManifest(text, "NetworkPolicy").spec.egress;
    const ports = urls.ports.map(({ port }: { port: number }) => port);
    expect(ports).to.have.members([80, 443, 4318, 5432, 8443]);
  });

  it("has the alarms of deploy/prometheus, which promtool reads", async function () {
    const text = await helm.template([...GOLDEN_VALUES.defaults, { prometheus: { rules: true } }]);
    const rules = await readFile(new URL("../../../deploy/prometheus/sluice-rules.yaml", import.meta.url), "utf8");
    const { spec } = findManifest(text, "PrometheusRule");
    expect(spec).to.deep.equal(parse(rules));
    const promtool = await openPromtool();
    if (typeof promtool === "string") {
      console.log(`    skipped: ${promtool}`);
      return this.skip();
    }
    try {
      expect(await promtool.check(JSON.stringify(spec))).to.equal("");
    } finally {
      await promtool.close();
    }
  });

  describe("refuses", () => {
    const { image: _, ...withoutImage } = OWN_VALUES;
    const { SLUICE_PUBLIC_URL: __, ...withoutUrl } = OWN_VALUES.environment;
    const WRONG: [string, object[], string][] = [
      ["a missing image", [withoutImage], "at '': missing property 'image'"],
      ["a missing URL", [{ ...OWN_VALUES, environment: withoutUrl }], "missing property 'SLUICE_PUBLIC_URL'"],
      ["an image without a tag", [OWN_VALUES, { image: "sluice" }], "'sluice' does not match pattern"],
      ["a time to drain that is no number", [OWN_VALUES, { drainTimeoutSeconds: "45s" }], "got string, want integer"],
      ["a number as a variable", [OWN_VALUES, { environment: { SLUICE_UPLOADS_MAX: 9 } }], "got number, want string"],
      [
        "a variable that the service does not have",
        [OWN_VALUES, { environment: { SLUICE_UPLOAD_MAX: "9" } }],
        "additional properties 'SLUICE_UPLOAD_MAX' not allowed",
      ],
      [
        "a value that the chart does not have",
        [OWN_VALUES, { replicaCount: 2 }],
        "properties 'replicaCount' not allowed",
      ],
      [
        "a secret itself",
        [OWN_VALUES, { secretEnvironment: { SLUICE_TOKEN_KEYS: "c2VjcmV0" } }],
        "at '/secretEnvironment/SLUICE_TOKEN_KEYS': got string, want object",
      ],
      [
        "a password in the URL of the database",
        [OWN_VALUES, { environment: { SLUICE_DATABASE_URL: "postgres://sluice:secret@host/sluice" } }],
        "at '/environment/SLUICE_DATABASE_URL'",
      ],
      [
        "oidc without issuers",
        [{ ...OWN_VALUES, environment: { SLUICE_PUBLIC_URL: "https://a" } }],
        "SLUICE_OIDC_ISSUERS",
      ],
      [
        "a maximum below the minimum",
        [OWN_VALUES, { replicas: { min: 9 } }],
        "replicas.min is 9 and replicas.max 8; write a maximum of at least the minimum",
      ],
      [
        "too little memory for the workers",
        [OWN_VALUES, { workers: 5 }],
        "memoryBudgetMib is 1024 for 5 workers; write at least 1280, which is 256 for each",
      ],
      [
        "a load balancer with TLS and without a certificate",
        [OWN_VALUES, { loadBalancer: { certificateArn: "" } }],
        "loadBalancer.certificateArn is missing; name a certificate of AWS Certificate Manager",
      ],
      [
        "TLS that is passed through to pods without it",
        [OWN_VALUES, { loadBalancer: { kind: "nlb" } }],
        "name a Secret in tls.secret, or choose alb",
      ],
      [
        "a migration without a database",
        [OWN_VALUES, { migration: { databaseUrl: "" } }],
        "migration.databaseUrl is missing; write postgres://owner@host:5432/database?sslmode=verify-full",
      ],
    ];
    for (const [what, values, words] of WRONG) {
      it(what, async () => {
        const refusal = await helm.template([STACK_VALUES, ...values]).then(
          () => "",
          ({ message }: Error) => message,
        );
        expect(refusal).to.include(words);
      });
    }
  });
});
