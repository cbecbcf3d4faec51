import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

/*
 * Signed notes with Ed25519 keys, by C2SP signed-note (https://c2sp.org/signed-note). The forms of both keys are those of
 * golang.org/x/mod/sumdb/note, so keys that its GenerateKey prints are taken, and every verifier of such notes takes ours.
 */

/** A key that signs notes. */
export interface NoteSigner {
  /** The name that signatures state. */
  readonly name: string;
  /** What others verify with: `name+id+base64`. */
  readonly verifierKey: string;
  /** One signature line. */
  sign(text: string): string;
}

/** A key that verifies notes. */
export interface NoteVerifier {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly id: string;
  verify(text: string, signature: Uint8Array): boolean;
}

/** Ed25519, as the byte before a key says it. */
const ALGORITHM = 1;
const KEY_BYTES = 32;
/** Longest name of a key, in characters: it stands in every checkpoint. */
const NAME_MAX_CHARACTERS = 255;
/** Lines of signatures that a note may have: the specification asks for 16 at least. */
const SIGNATURES_MAX = 100;
/** What stands before the 32 bytes of a private and of a public key of Ed25519 in DER (RFC 8410). */
const PRIVATE_DER = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_DER = Buffer.from("302a300506032b6570032100", "hex");

/** A new key: what signs, which is a secret, and what others verify with. Throws RangeError for a name that no key can have. */
export function createNoteKey(name: string): { signingKey: string; verifierKey: string } {
  if (!isKeyName(name)) throw new RangeError(`"${name}" is no name of a key; ${KEY_NAME_FORM}`);
  const { privateKey } = generateKeyPairSync("ed25519");
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(PRIVATE_DER.length);
  const publicBytes = toPublicBytes(privateKey);
  const id = toKeyId(name, publicBytes);
  return {
    signingKey: `PRIVATE+KEY+${name}+${id}+${toKeyText(seed)}`,
    verifierKey: `${name}+${id}+${toKeyText(publicBytes)}`,
  };
}

/** What the name of a key may be. */
export const KEY_NAME_FORM = `use 1 to ${NAME_MAX_CHARACTERS} characters without spaces and "+", such as files.example.org/audit`;

/** Reads a private key; undefined when it is none. */
export function parseNoteSigner(text: string): NoteSigner | undefined {
  const [, name = "", id = "", key = ""] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const seed = fromKeyText(key);
  if (!isKeyName(name) || seed === undefined) return undefined;
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: "der", type: "pkcs8" });
  const publicBytes = toPublicBytes(privateKey);
  if (toKeyId(name, publicBytes) !== id) return undefined;
  return {
    name,
    verifierKey: `${name}+${id}+${toKeyText(publicBytes)}`,
    sign: (note) => {
      const signature = Buffer.concat([Buffer.from(id, "hex"), sign(null, Buffer.from(note), privateKey)]);
      return `— ${name} ${signature.toString("base64")}\n`;
    },
  };
}

/** Reads a public key; undefined when it is none. */
export function parseNoteVerifier(text: string): NoteVerifier | undefined {
  const [, name = "", id = "", key = ""] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const bytes = fromKeyText(key);
  if (!isKeyName(name) || bytes === undefined || toKeyId(name, bytes) !== id) return undefined;
  const publicKey = createPublicKey({ key: Buffer.concat([PUBLIC_DER, bytes]), format: "der", type: "spki" });
  return { name, id, verify: (note, signature) => verify(null, Buffer.from(note), publicKey, signature) };
}

/** The note of a text, which ends with a line break, signed by all of these keys. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  return `${text}\n${signers.map((signer) => signer.sign(text)).join("")}`;
}

/**
 * The text of a note that one of the keys has signed. Signatures of other keys are passed over. Undefined when none of the keys
 * has signed it, when a signature of one of them is wrong, and when it is no note.
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): string | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) return undefined;
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) return undefined;
  let isSigned = false;
  for (const line of lines) {
    const [, name, base64 = ""] = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    if (name === undefined) return undefined;
    const bytes = Buffer.from(base64, "base64");
    const id = bytes.subarray(0, 4).toString("hex");
    const verifier = verifiers.find((one) => one.name === name && one.id === id);
    if (verifier === undefined) continue;
    if (!verifier.verify(text, bytes.subarray(4))) return undefined;
    isSigned = true;
  }
  return isSigned ? text : undefined;
}

function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}\p{Z}]+$/u.test(name) && name.length <= NAME_MAX_CHARACTERS;
}

function toKeyId(name: string, publicBytes: Uint8Array): string {
  const hash = createHash("sha256").update(`${name}\n`).update(Uint8Array.of(ALGORITHM)).update(publicBytes).digest();
  return hash.subarray(0, 4).toString("hex");
}

function toPublicBytes(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(PUBLIC_DER.length);
}

function toKeyText(bytes: Uint8Array): string {
  return Buffer.concat([Uint8Array.of(ALGORITHM), bytes]).toString("base64");
}

function fromKeyText(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === 1 + KEY_BYTES && bytes[0] === ALGORITHM ? bytes.subarray(1) : undefined;
}
