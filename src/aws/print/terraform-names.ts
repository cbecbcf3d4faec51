/** `AWS::S3::BucketPolicy` is `awscc_s3_bucket_policy`. */
export function toTerraformType(type: string): string {
  const [, service = "", name = ""] = type.split("::");
  return `awscc_${service.toLowerCase()}_${toAttribute(name)}`;
}

/**
 * The provider's own rule for names, odd corners included (`MFAEnabled` is `mfa_enabled`, `S3Key` is `s3_key`):
 * https://github.com/hashicorp/terraform-provider-awscc/blob/main/internal/naming/naming.go
 */
export function toAttribute(property: string): string {
  const name = property
    .replaceAll("CloudFormation", "Cloudformation")
    .replaceAll("CloudFront", "Cloudfront")
    .replaceAll("CloudWatch", "Cloudwatch")
    .replaceAll("FSx", "Fsx");
  return [...name]
    .map((letter, index) => {
      const next = name[index + 1] ?? "";
      const spelt = /[A-Za-z0-9]/.test(letter) ? letter.toLowerCase() : "_";
      if (isCapital(letter)) return /[a-z]/.test(next) && isCapital(name[index - 1] ?? "") ? `_${spelt}` : spelt;
      if (/[a-z]/.test(letter)) return /[A-Z0-9]/.test(next) ? `${spelt}_` : spelt;
      return /\d/.test(letter) && /[A-Za-z]/.test(next) ? `${spelt}_` : spelt;
    })
    .join("");
}

function isCapital(letter: string): boolean {
  return /^[A-Z]$/.test(letter);
}
