import type { Configuration } from "../generate-configuration.ts";
import { toEnvironment } from "../settings/environment.ts";
import { type Request, type Scenario, STRANGER, toKeyText } from "./scenario.ts";
import { ask } from "./sluice-roads.ts";

const ENCRYPTION = "s3:x-amz-server-side-encryption";
const PRESIGNED = { "s3:authType": "REST-QUERY-STRING", "s3:signatureAge": "1000" };

/** What the bucket refuses whoever asks: plaintext, old URLs, other encryption, other regions, other accounts. */
export function listGuardRoads(configuration: Configuration): Scenario[] {
  const { site, settings } = configuration;
  const file = `${site.keyPrefix}a`;
  const { reader, writer } = toOwners(configuration);
  const one = (road: string, isOpen: boolean, step: Request): Scenario => ({ road, isOpen, steps: [step] });
  const read = (says: Request["says"]) => ask(site, [reader.role, "s3:GetObject", file], says);
  const write = (says: Request["says"]) => ask(site, [writer.role, "s3:PutObject", file], says);
  const writeUnder = (key: string) => write({ [ENCRYPTION]: "aws:kms", [`${ENCRYPTION}-aws-kms-key-id`]: key });
  const somebody = (account: string, says?: Request["says"]): Request => ({
    principal: site.arn("iam", "role/somebody", { region: "", account }),
    action: "s3:GetObject",
    resource: `${site.bucketArn}/${file}`,
    ...(says !== undefined && { says }),
  });
  const isTls12Open = settings.tls.own === "1.2" || settings.minimal;
  const elsewhere = site.residency.includes("eu-south-2") ? "ap-south-1" : "eu-south-2";
  return [
    one(`${reader.who} reads a file over plaintext`, false, read({ "aws:SecureTransport": "false" })),
    one(`${writer.who} uploads a file over TLS 1.1`, false, write({ "s3:TlsVersion": "1.1" })),
    one(`${reader.who} reads a file over TLS 1.2`, isTls12Open, read({ "s3:TlsVersion": "1.2" })),
    one("a browser opens a download URL over TLS 1.2", true, read({ ...PRESIGNED, "s3:TlsVersion": "1.2" })),
    ...listUrlRoads(configuration),
    one(`${writer.who} uploads a file under SSE-S3`, site.keyArn === undefined, write({ [ENCRYPTION]: "AES256" })),
    one(
      `${writer.who} uploads a file under a KMS key that it does not name`,
      false,
      write({ [ENCRYPTION]: "aws:kms" }),
    ),
    one(`${writer.who} uploads a file under another KMS key`, false, writeUnder(site.arn("kms", "key/another"))),
    ...(site.keyArn === undefined
      ? []
      : [one(`${writer.who} uploads a file under the key of files`, true, writeUnder(toKeyText(site)))]),
    one(`${writer.who} uploads a file and names no encryption`, true, write({})),
    one(`${reader.who} reads a file by an endpoint of ${elsewhere}`, false, read({ "aws:RequestedRegion": elsewhere })),
    one("an administrator of this account reads a clean file", true, somebody(site.account)),
    one(
      "an administrator of this account reads a file over plaintext",
      false,
      somebody(site.account, { "aws:SecureTransport": "false" }),
    ),
    one("an administrator of another account reads a file", false, somebody(STRANGER)),
    ...(settings.minimal
      ? []
      : [
          one(
            "the read role reads a file in a bucket of the same name that another account owns",
            false,
            read({ "aws:ResourceAccount": STRANGER }),
          ),
        ]),
  ];
}

/** Sluice's own roles. A minimal file has none: whoever reads and writes is a role of the account, with rights of its own. */
function toOwners({ settings }: Configuration) {
  const isOwn = !settings.minimal;
  return {
    reader: isOwn ? { who: "the read role", role: "read" } : { who: "a reader of this account", role: "somebody" },
    writer: isOwn ? { who: "the write role", role: "write" } : { who: "a writer of this account", role: "somebody" },
  };
}

/** URLs as old as the service lets them become, by the variables of `sluice config env`, and older ones. */
function listUrlRoads(configuration: Configuration): Scenario[] {
  const { site, settings } = configuration;
  const { reader, writer } = toOwners(configuration);
  const { SLUICE_DOWNLOAD_URL_MAX_SECONDS: downloads = "", SLUICE_PART_URL_MAX_SECONDS: parts = "" } =
    toEnvironment(configuration);
  const aged = (seconds: number) => ({ ...PRESIGNED, "s3:signatureAge": String(seconds * 1000) });
  const file = `${site.keyPrefix}a`;
  const { ageSecondsMax } = settings.presign;
  return [
    {
      road: `a download URL is opened ${downloads} s after it was signed, as long as the service lets one live`,
      isOpen: true,
      steps: [ask(site, [reader.role, "s3:GetObject", file], aged(Number(downloads)))],
    },
    {
      road: `a part is put to its URL ${parts} s after that was signed, as long as the service lets one live`,
      isOpen: true,
      steps: [ask(site, [writer.role, "s3:PutObject", file], aged(Number(parts)))],
    },
    {
      road: `a download URL is opened ${ageSecondsMax + 1} s after it was signed`,
      isOpen: false,
      steps: [ask(site, [reader.role, "s3:GetObject", file], aged(ageSecondsMax + 1))],
    },
    {
      road: `a part is put to its URL ${ageSecondsMax + 1} s after that was signed`,
      isOpen: false,
      steps: [ask(site, [writer.role, "s3:PutObject", file], aged(ageSecondsMax + 1))],
    },
  ];
}
