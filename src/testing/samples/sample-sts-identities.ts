import type { StsIdentity } from "../../devstack/sts-server.ts";

/** The account whose callers the services of tests let in. */
export const SAMPLE_ACCOUNT = "111122223333";

/** The session of a role of that account. */
export const SAMPLE_ROLE: StsIdentity = {
  accessKeyId: "ASIAEXAMPLEUPLOADER0",
  secretAccessKey: "secret/of+the=role",
  sessionToken: "IQoJb3JpZ2luX2VjEXAMPLE/+abc==",
  arn: `arn:aws:sts::${SAMPLE_ACCOUNT}:assumed-role/uploader/i-0abc`,
  account: SAMPLE_ACCOUNT,
};

/** A user of that account, with long-lived keys. */
export const SAMPLE_USER: StsIdentity = {
  accessKeyId: "AKIAEXAMPLEANNA00000",
  secretAccessKey: "secret-of-anna",
  arn: `arn:aws:iam::${SAMPLE_ACCOUNT}:user/team/anna`,
  account: SAMPLE_ACCOUNT,
};
