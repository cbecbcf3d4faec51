import { expect } from "chai";
import { formatCheckpoint, LogProblem, openCheckpoint } from "./checkpoint.ts";
import {
  createNoteKey,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseNoteSigner,
  parseNoteVerifier,
  signNote,
} from "./signed-note.ts";

/** The example of https://c2sp.org/signed-note */
const EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE_NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;
/** The example of https://pkg.go.dev/golang.org/x/mod/sumdb/note */
const GO_SIGNING_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_VERIFIER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

function keyPair(name = "example.org/log"): { signer: NoteSigner; verifier: NoteVerifier } {
  const { signingKey, verifierKey } = createNoteKey(name);
  return {
    signer: parseNoteSigner(signingKey) as NoteSigner,
    verifier: parseNoteVerifier(verifierKey) as NoteVerifier,
  };
}

describe("signed notes", () => {
  it("are those of the specification and of Go", () => {
    const verifier = parseNoteVerifier(EXAMPLE_KEY) as NoteVerifier;
    expect(openNote(EXAMPLE_NOTE, [verifier])).to.equal("This is an example message.\n");
    const signer = parseNoteSigner(GO_SIGNING_KEY) as NoteSigner;
    expect(signer.verifierKey).to.equal(GO_VERIFIER_KEY);
    const [text = ""] = GO_NOTE.split("\n\n");
    expect(signNote(`${text}\n`, [signer])).to.equal(GO_NOTE);
  });

  it("are refused with another text, another key and a wrong signature", () => {
    const { signer, verifier } = keyPair();
    const other = keyPair();
    const note = signNote("a text\n\nwith a gap\n", [signer]);
    expect(openNote(note, [verifier])).to.equal("a text\n\nwith a gap\n");
    expect(openNote(note, [other.verifier])).to.equal(undefined);
    expect(openNote(note.replace("a text", "b text"), [verifier])).to.equal(undefined);
    expect(openNote(note, [])).to.equal(undefined);
    for (const broken of ["", "a text\n", note.slice(0, -1), `${note}no signature\n`, note.replace("— ", "- ")])
      expect(openNote(broken, [verifier]), broken).to.equal(undefined);
  });

  it("may have signatures of two keys, of which one is enough, and none may be wrong", () => {
    const [former, next] = [keyPair(), keyPair()];
    const note = signNote("a text\n", [former.signer, next.signer]);
    for (const { verifier } of [former, next]) expect(openNote(note, [verifier])).to.equal("a text\n");
    const [own = "", others = ""] = [former.signer.sign("another text\n"), next.signer.sign("a text\n")];
    expect(openNote(`a text\n\n${own}${others}`, [next.verifier])).to.equal("a text\n");
    expect(openNote(`a text\n\n${own}${others}`, [former.verifier, next.verifier])).to.equal(undefined);
  });

  it("have keys whose texts are whole", () => {
    const { signingKey, verifierKey } = createNoteKey("example.org/log");
    for (const wrong of ["", "x", signingKey.slice(0, -4), signingKey.replace("example", "sample"), verifierKey])
      expect(parseNoteSigner(wrong), wrong).to.equal(undefined);
    for (const wrong of ["", verifierKey.slice(0, -4), verifierKey.replace("example", "sample"), signingKey])
      expect(parseNoteVerifier(wrong), wrong).to.equal(undefined);
    for (const name of ["", "a b", "a+b", "a\u2003b", "a\n", "x".repeat(256)])
      expect(() => createNoteKey(name), name).to.throw(RangeError, "is no name of a key");
  });
});

describe("openCheckpoint", () => {
  const { signer, verifier } = keyPair();
  const root = new Uint8Array(32).fill(7);
  const open = (text: string, origin = "example.org/log") =>
    openCheckpoint(Buffer.from(signNote(text, [signer])), { origin, verifiers: [verifier] });

  it("reads what was formatted", () => {
    const text = formatCheckpoint({ origin: "example.org/log", size: 12, root });
    expect(text).to.equal(`example.org/log\n12\n${Buffer.from(root).toString("base64")}\n`);
    expect(open(text)).to.deep.equal({ origin: "example.org/log", size: 12, root: Buffer.from(root) });
    expect(open(`${text}an extension\n`).size).to.equal(12);
  });

  it("refuses one of another key, of another log, and one that states no tree", () => {
    const text = formatCheckpoint({ origin: "example.org/log", size: 12, root });
    const note = Buffer.from(signNote(text, [keyPair().signer]));
    expect(() => openCheckpoint(note, { origin: "example.org/log", verifiers: [verifier] })).to.throw(
      LogProblem,
      "the checkpoint is not signed by the key of this log",
    );
    expect(() => open(text, "example.org/other")).to.throw(
      LogProblem,
      'the checkpoint is of the log "example.org/log", not of "example.org/other"',
    );
    for (const wrong of [text.replace("12", "012"), text.replace("12", "-1"), "example.org/log\n12\nAAAA\n"])
      expect(() => open(wrong), wrong).to.throw(LogProblem, "states no size and root of a tree");
  });
});
