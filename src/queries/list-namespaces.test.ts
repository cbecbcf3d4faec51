import { expect } from "chai";
import { FakeNamespaceRepository } from "../testing/fakes/fake-namespace-repository.ts";
import { expectRefusal, TEST_ACTOR } from "../testing/rigs/database/repository-subject.ts";
import { SAMPLE_CALLER, sampleNamespace } from "../testing/samples/sample-records.ts";
import { getNamespace } from "./get-namespace.ts";
import { listNamespaces } from "./list-namespaces.ts";
import { NamespaceDirectory } from "./namespace-directory.ts";

const OPTIONS = { caller: SAMPLE_CALLER };

describe("listNamespaces", () => {
  const repository = new FakeNamespaceRepository();
  const directory = new NamespaceDirectory(repository);
  before(async () => {
    for (const name of ["d", "b", "a-1", "hidden", "c"])
      await repository.create(sampleNamespace({ name, bucket: `bucket-${name}` }));
  });
  const list = async (pageSize: number, pageToken = "") => {
    const isShown = (name: string) => name !== "hidden";
    const page = await listNamespaces(directory, { pageSize, pageToken }, { ...OPTIONS, isShown });
    return { names: page.namespaces.map(({ name }) => name), nextPageToken: page.nextPageToken };
  };

  it("tells those that the caller may see, by name, page by page", async () => {
    expect(await list(0)).to.deep.equal({ names: ["a-1", "b", "c", "d"], nextPageToken: "" });
    const first = await list(2);
    expect(first.names).to.deep.equal(["a-1", "b"]);
    expect(await list(2, first.nextPageToken)).to.deep.equal({ names: ["c", "d"], nextPageToken: "" });
  });

  it("shows nothing to a caller of whom nothing is known", async () => {
    const page = await listNamespaces(directory, { pageSize: 0, pageToken: "" }, OPTIONS);
    expect(page).to.deep.equal({ namespaces: [], nextPageToken: "" });
  });

  it("refuses tokens that are none, and page sizes below 0", async () => {
    for (const token of ["x", Buffer.from('["a","b"]').toString("base64url")])
      await expectRefusal(list(1, token), "PAGE_TOKEN_INVALID");
    await expectRefusal(list(-1), "ARGUMENT_INVALID");
  });

  it("sees what another process has changed", async () => {
    await repository.create(sampleNamespace({ name: "e", bucket: "bucket-e" }));
    expect(await getNamespace(directory, { namespace: "e" }, OPTIONS)).to.include({ bucket: "bucket-e" });
    await repository.delete("e", { actor: TEST_ACTOR });
    await expectRefusal(getNamespace(directory, { namespace: "e" }, OPTIONS), "NAMESPACE_NOT_FOUND");
    expect((await list(0)).names).not.to.include("e");
  });
});
