import { expect } from "chai";
import type { DomainError } from "../../domain/errors.ts";
import { toFileEtag } from "../../domain/files/file.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import {
  catchError,
  NO_VALUES,
  SAMPLE_CALLER,
  sampleFile,
  sampleNamespaces,
} from "../../testing/samples/sample-records.ts";
import { type UpdateFileRequest, updateFile } from "./update-file.ts";

const FILE = sampleFile({ metadata: { author: "someone", page: "1" }, labels: { team: "legal" } });
const REQUEST: UpdateFileRequest = {
  requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
  namespace: "default",
  path: FILE.path,
  etag: "",
  values: NO_VALUES,
  updateMask: undefined,
};

describe("updateFile", () => {
  let current = FILE;
  const files: Pick<FileRepository, "update" | "settleHold"> = {
    update: async (_namespace, _path, { change }) => ({ ...current, ...change(current) }),
    settleHold: () => expect.fail("no hold of these files waits for storage"),
  };
  afterEach(() => {
    current = FILE;
  });
  const deps = { files, objects: new FakeObjectStore(), namespaces: sampleNamespaces() };
  const update = (request: Partial<UpdateFileRequest>) =>
    updateFile(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });
  const refusalOf = async (request: Partial<UpdateFileRequest>) =>
    (await catchError(() => update(request))) as DomainError;

  it("is another command by whatever of its request is another", async () => {
    const contents: string[] = [];
    const noting = {
      ...deps,
      files: {
        ...files,
        update: async (...[, , { identity, change }]: Parameters<FileRepository["update"]>) => {
          contents.push(Buffer.from(identity.contentSha256).toString("hex"));
          return { ...current, ...change(current) };
        },
      },
    };
    const requests: Partial<UpdateFileRequest>[] = [
      ...[{}, { updateMask: ["labels"] }, { updateMask: ["metadata"] }, { etag: toFileEtag(FILE) }],
      ...[{ generation: 1 }, { generation: 2 }, { values: { ...NO_VALUES, dataSubject: "s1" } }, { path: "other" }],
    ];
    for (const request of requests)
      await updateFile(
        noting,
        { ...REQUEST, values: { ...NO_VALUES, dataSubject: "s0" }, ...request },
        { caller: SAMPLE_CALLER },
      );
    expect(new Set(contents).size).to.equal(requests.length);
  });

  it("changes what is given when there is no mask", async () => {
    const file = await update({ values: { ...NO_VALUES, labels: { a: "b" }, dataSubject: "s1" } });
    expect(file).to.deep.equal({ ...FILE, labels: { a: "b" }, dataSubject: "s1" });
  });

  it("changes what the mask names, to nothing as well", async () => {
    const file = await update({
      values: { ...NO_VALUES, contentType: "text/css" },
      updateMask: ["labels", "content_type"],
    });
    expect(file).to.deep.equal({ ...FILE, labels: {}, contentType: "text/css" });
    const all = await update({ updateMask: ["*"] });
    expect(all).to.deep.equal({ ...FILE, ...NO_VALUES, contentType: "application/octet-stream" });
  });

  it("adds, replaces and removes single labels and entries of metadata", async () => {
    const file = await update({
      values: { ...NO_VALUES, labels: { team: "tax", other: "x" }, metadata: { "a.b": "c" } },
      updateMask: ["labels.team", "metadata.a.b", "metadata.page", "metadata.nothing"],
    });
    expect(file).to.deep.equal({ ...FILE, labels: { team: "tax" }, metadata: { author: "someone", "a.b": "c" } });
  });

  it("takes away entries that have the names of what every object has, and sets them", async () => {
    const names = ["constructor", "toString", "__proto__"];
    const updateMask = names.flatMap((name) => [`metadata.${name}`, `labels.${name}`]);
    expect(await update({ updateMask })).to.deep.equal(FILE);
    const metadata = Object.fromEntries(names.map((name) => [name, "a"]));
    const file = await update({
      values: { ...NO_VALUES, metadata },
      updateMask: names.map((name) => `metadata.${name}`),
    });
    expect(Object.entries(file.metadata)).to.deep.equal([
      ...Object.entries(FILE.metadata),
      ...names.map((name) => [name, "a"]),
    ]);
  });

  it("checks the etag where one is sent", async () => {
    const values = { ...NO_VALUES, dataSubject: "s" };
    expect((await update({ values, etag: toFileEtag(FILE) })).dataSubject).to.equal("s");
    const error = await refusalOf({ values, etag: "other" });
    expect(error).to.include({ code: "failed_precondition", reason: "ETAG_MISMATCH" });
    expect(error.details).to.include({ current_etag: toFileEtag(FILE) });
  });

  it("refuses fields that the service alone sets, unknown ones, and a mask of nothing", async () => {
    for (const name of [
      "size_bytes",
      "create_time",
      "purged",
      "toString",
      "__proto__",
      "generation",
      "etag",
      "labels.",
      "label.a",
      "",
      "x".repeat(1e6),
    ]) {
      const error = await refusalOf({ updateMask: ["labels", name] });
      expect(error, name.slice(0, 20)).to.include({ code: "invalid_argument", field: "update_mask" });
      expect(error.message.length).to.be.below(300);
    }
    for (const updateMask of [[], undefined, Array.from({ length: 201 }, () => "labels")]) {
      expect(await refusalOf({ updateMask })).to.include({ code: "invalid_argument", field: "update_mask" });
    }
  });

  it("sets and lifts a hold where it is named, or set, and never by *", async () => {
    const retainUntilTime = new Date("2030-01-01T00:00:00Z");
    const kept = { legalHold: true, retainUntilTime };
    expect(await update({ values: { ...NO_VALUES, ...kept } })).to.deep.equal({ ...FILE, ...kept });
    current = sampleFile(kept);
    expect(await update({ updateMask: ["*"] })).to.deep.include(kept);
    expect(await update({ updateMask: ["legal_hold"] })).to.deep.include({ ...kept, legalHold: false });
    expect(await refusalOf({ updateMask: ["retain_until_time"] })).to.include({ reason: "FILE_RETAINED" });
  });

  it("changes of a generation that is not live only what keeps it", async () => {
    for (const ended of [{ supersedeTime: new Date(0) }, { deleteTime: new Date(0) }]) {
      current = sampleFile(ended);
      const values = { ...NO_VALUES, legalHold: true };
      expect((await update({ generation: 3, values })).legalHold).to.equal(true);
      const error = await refusalOf({ generation: 3, values: { ...values, labels: { a: "b" } } });
      expect(error).to.include({ code: "failed_precondition", reason: "GENERATION_MISMATCH", field: "update_mask" });
    }
    expect(await refusalOf({ generation: 0 })).to.include({ code: "invalid_argument" });
  });

  it("checks the bounds of what the file then has", async () => {
    const updateMask = Array.from({ length: 63 }, (_, i) => `metadata.n${i}`);
    const metadata = Object.fromEntries(updateMask.map((name) => [name.slice("metadata.".length), "v"]));
    expect(await refusalOf({ values: { ...NO_VALUES, metadata }, updateMask })).to.include({ field: "metadata" });
    expect(await refusalOf({ values: { ...NO_VALUES, labels: { A: "b" } } })).to.include({ field: "labels" });
  });
});
