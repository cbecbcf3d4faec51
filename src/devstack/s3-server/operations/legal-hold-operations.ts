import type { Answer, Exchange } from "../protocol/exchange.ts";
import { receiveText } from "../protocol/receive-text.ts";
import { S3Error } from "../protocol/s3-error.ts";
import { element, xmlDocument } from "../protocol/xml.ts";
import { versionHeaders } from "./description.ts";
import { findVersion } from "./object-operations.ts";
import type { S3State } from "./state.ts";

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
