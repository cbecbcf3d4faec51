import { versionHeaders } from "./description.ts";
import type { Answer, Exchange, S3State } from "./exchange.ts";
import { findVersion } from "./object-operations.ts";
import { receiveText } from "./receive-text.ts";
import { S3Error } from "./s3-error.ts";
import { element, xmlDocument } from "./xml.ts";

/** PutObjectLegalHold: ON or OFF, of the version that is named or else of the newest. */
export async function putObjectLegalHold(state: S3State, exchange: Exchange): Promise<Answer> {
  const { target } = exchange;
  const status = /<Status>\s*(\w+)\s*<\/Status>/.exec(await receiveText(state, exchange))?.[1];
  if (status !== "ON" && status !== "OFF") {
    throw new S3Error("MalformedXML", `the <Status> of a legal hold is ON or OFF, not ${status}`);
  }
  const version = findVersion(state, target);
  state.catalog.setLegalHold(target.bucket, version, status === "ON");
  return { status: 200, headers: versionHeaders(version) };
}

/** GetObjectLegalHold: OFF also where none was ever set, of which S3 says NoSuchObjectLockConfiguration. */
export function getObjectLegalHold(state: S3State, { target }: Exchange): Answer {
  const { isHeld = false } = findVersion(state, target);
  return { status: 200, body: xmlDocument("LegalHold", element("Status", isHeld ? "ON" : "OFF")) };
}
