import { createHash, createPublicKey } from "node:crypto";
import type { Site } from "../../template/site.ts";
import { getAtt, type Output, type Resource, ref } from "../../template/template.ts";
import type { Properties } from "../../template/value.ts";

const SIGNERS =
  "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-trusted-signers.html";
const FUNCTIONS = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-functions.html";

/** The check that decides who reads through a distribution. A cache behaviour always has one of the two kinds. */
export interface ViewerGuard {
  readonly resources: Readonly<Record<string, Resource>>;
  /** Properties for the cache behaviour. */
  readonly behavior: Properties;
  readonly outputs: Readonly<Record<string, Output>>;
}

/**
 * Lets in readers whose URLs are signed by the private half of `publicKey` (PEM, see `isSigningKey`). Without a key it lets
 * in nobody: with neither, the distribution would give every file to whoever knows its key.
 */
export function createViewerGuard(site: Site, publicKey: string | undefined): ViewerGuard {
  return publicKey === undefined ? createRefusal(site) : createKeyGroup(site, publicKey);
}

/** Whether CloudFront accepts the PEM as a key for signed URLs: a public key, RSA of 2048 bits or ECDSA on P-256. */
export function isSigningKey(pem: string): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(pem);
    const isPublic = pem.trimStart().startsWith("-----BEGIN PUBLIC KEY-----");
    if (asymmetricKeyType === "rsa") return isPublic && asymmetricKeyDetails?.modulusLength === 2048;
    return isPublic && asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1";
  } catch {
    return false; // OpenSSL's complaint would say less than the option's own sentence.
  }
}

function createRefusal(site: Site): ViewerGuard {
  return {
    resources: {
      CloudfrontRefusal: {
        type: "AWS::CloudFront::Function",
        why: "There is no public key to check URLs against, so every request is refused. Set cloudfront.publicKey, and signed URLs take its place.",
        source: FUNCTIONS,
        properties: {
          Name: site.nameOf("refuse"),
          AutoPublish: true,
          FunctionConfig: { Comment: "Refuses every request", Runtime: "cloudfront-js-2.0" },
          FunctionCode: 'function handler() { return { statusCode: 403, statusDescription: "Forbidden" }; }',
        },
      },
    },
    behavior: {
      FunctionAssociations: [{ EventType: "viewer-request", FunctionARN: getAtt("CloudfrontRefusal", "FunctionARN") }],
    },
    outputs: {},
  };
}

function createKeyGroup(site: Site, publicKey: string): ViewerGuard {
  const hash = createHash("sha256").update(publicKey.trim()).digest("hex").slice(0, 8);
  // CloudFront never changes a key, so another key must be another resource.
  const id = `CloudfrontPublicKey${hash}`;
  return {
    resources: {
      [id]: {
        type: "AWS::CloudFront::PublicKey",
        why: "CloudFront checks signatures of URLs with this key.",
        source: SIGNERS,
        properties: {
          PublicKeyConfig: {
            CallerReference: id,
            Name: `${site.nameOf("key")}-${hash}`,
            EncodedKey: `${publicKey.trim()}\n`,
          },
        },
      },
      CloudfrontKeyGroup: {
        type: "AWS::CloudFront::KeyGroup",
        why: "The distribution trusts the keys of this group: only this one.",
        source: SIGNERS,
        properties: { KeyGroupConfig: { Name: site.nameOf("keys"), Items: [ref(id)] } },
      },
    },
    behavior: { TrustedKeyGroups: [ref("CloudfrontKeyGroup")] },
    outputs: { CloudfrontKeyPairId: { description: "Key-Pair-Id for signed URLs", value: ref(id) } },
  };
}
