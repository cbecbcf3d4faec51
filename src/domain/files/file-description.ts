import { invalidArgument } from "../errors.ts";

/** What a caller says of a file beside its bytes, and may change later. */
export interface FileDescription {
  /** Media type; "application/octet-stream" when the caller said nothing. */
  contentType: string;
  /** Stored and returned unchanged. */
  metadata: Readonly<Record<string, string>>;
  /** To find files by. */
  labels: Readonly<Record<string, string>>;
  /** The person that the bytes are about, as an opaque id; empty for nobody. */
  dataSubject: string;
}

/** Bounds of a description; lengths in bytes of UTF-8. */
export const DESCRIPTION_LIMITS = {
  contentTypeMaxBytes: 255,
  metadataEntriesMax: 64,
  /** Names and values together. */
  metadataMaxBytes: 8192,
  labelsMax: 64,
  /** Of a label's name, which is ASCII: filters name labels without quotes. */
  labelNameMaxBytes: 63,
  labelValueMaxBytes: 256,
  dataSubjectMaxBytes: 256,
} as const;

const LABEL_NAME = /^[a-z][a-zA-Z0-9_-]*$/;
const CONTROL_CHARACTER = /\p{Cc}/u;

/** The media type of bytes that nobody described. */
const DEFAULT_CONTENT_TYPE = "application/octet-stream";

/** Checks a description and fills in what was left out; `invalid_argument` with the field and its bound. */
export function parseFileDescription(description: FileDescription): FileDescription {
  const { contentType, metadata, labels, dataSubject } = description;
  assertContentType(contentType);
  assertMetadata(Object.entries(metadata));
  assertLabels(Object.entries(labels));
  assertDataSubject(dataSubject);
  return { contentType: contentType === "" ? DEFAULT_CONTENT_TYPE : contentType, metadata, labels, dataSubject };
}

function assertContentType(contentType: string): void {
  const { contentTypeMaxBytes } = DESCRIPTION_LIMITS;
  if (Buffer.byteLength(contentType) > contentTypeMaxBytes) {
    throw invalidArgument("content_type", `content_type is longer than ${contentTypeMaxBytes} bytes`);
  }
  if (!/^[\x20-\x7e]*$/.test(contentType)) {
    throw invalidArgument("content_type", "content_type holds characters outside printable ASCII");
  }
}

function assertMetadata(entries: readonly [string, string][]): void {
  const { metadataEntriesMax, metadataMaxBytes } = DESCRIPTION_LIMITS;
  if (entries.length > metadataEntriesMax) {
    throw invalidArgument("metadata", `metadata has ${entries.length} entries; the limit is ${metadataEntriesMax}`);
  }
  const bytes = entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (bytes > metadataMaxBytes) {
    throw invalidArgument("metadata", `metadata has ${bytes} bytes; the limit is ${metadataMaxBytes}`);
  }
  if (entries.some(([name, value]) => name === "" || `${name}${value}`.includes("\0"))) {
    throw invalidArgument("metadata", "metadata has an empty name or holds a NUL character; leave it out");
  }
  if (entries.some(([name, value]) => !name.isWellFormed() || !value.isWellFormed())) {
    throw invalidArgument("metadata", "metadata holds a lone surrogate; send well-formed Unicode");
  }
}

function assertLabels(entries: readonly [string, string][]): void {
  const { labelsMax, labelNameMaxBytes, labelValueMaxBytes } = DESCRIPTION_LIMITS;
  if (entries.length > labelsMax) {
    throw invalidArgument("labels", `there are ${entries.length} labels; the limit is ${labelsMax}`);
  }
  for (const [name, value] of entries) {
    if (name.length > labelNameMaxBytes || !LABEL_NAME.test(name)) {
      const rule = `a name has 1 to ${labelNameMaxBytes} letters, digits, "_" and "-", and begins with a lower case letter`;
      throw invalidArgument("labels", `${JSON.stringify(name.slice(0, 100))} is no name of a label; ${rule}`);
    }
    const bytes = Buffer.byteLength(value);
    if (bytes > labelValueMaxBytes) {
      throw invalidArgument("labels", `label ${name} has ${bytes} bytes; the limit is ${labelValueMaxBytes}`);
    }
    assertPlainText("labels", `label ${name}`, value);
  }
}

/** Checks an id of a person: `invalid_argument` above 256 bytes, or with characters that no text shows. */
export function assertDataSubject(dataSubject: string): void {
  const { dataSubjectMaxBytes } = DESCRIPTION_LIMITS;
  const bytes = Buffer.byteLength(dataSubject);
  if (bytes > dataSubjectMaxBytes) {
    throw invalidArgument("data_subject", `data_subject has ${bytes} bytes; the limit is ${dataSubjectMaxBytes}`);
  }
  assertPlainText("data_subject", "data_subject", dataSubject);
}

function assertPlainText(field: string, what: string, text: string): void {
  if (!text.isWellFormed()) throw invalidArgument(field, `${what} holds a lone surrogate; send well-formed Unicode`);
  if (CONTROL_CHARACTER.test(text)) throw invalidArgument(field, `${what} holds a control character; leave it out`);
}
