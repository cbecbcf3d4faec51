import { expect } from "chai";
import type { StoredPlace } from "../domain/files/file-repository.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import { BucketRegions } from "../domain/residency.ts";
import { FakeFileRepository } from "../testing/fakes/fake-file-repository.ts";
import { createFakeUploads } from "../testing/fakes/uploads/fake-upload-repositories.ts";
import { commitFile, nextPath } from "../testing/rigs/database/repository-subject.ts";
import { sampleNamespaces } from "../testing/samples/sample-records.ts";
import { residencyReport } from "./residency-report.ts";

describe("residencyReport", () => {
  const [sample] = [...sampleNamespaces().values()] as [Namespace];
  const toNamespaces = (...names: string[]) =>
    Object.assign(new Map(names.map((name) => [name, { ...sample, name, bucket: `bucket-${name}` }])), {
      catchUp: async () => {},
    });
  const ALL = { isShown: () => true };
  const READ = { region: "eu-central-1", readTime: new Date("2026-01-02T03:04:05Z") };
  const FIRST = { pageSize: 100, pageToken: "" };

  it("says where each namespace is to lie, lies by storage's word, and has its bytes", async () => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files, { namespaces: ["a", "b"] });
    const place = { namespace: "a", bucket: "bucket-a" };
    await commitFile({ uploads }, nextPath(), place);
    await commitFile({ uploads }, nextPath(), place);
    const regions = new BucketRegions();
    regions.note("bucket-a", READ);
    const { namespaces, nextPageToken } = await residencyReport(
      { namespaces: toNamespaces("b", "a"), regions, files },
      FIRST,
      ALL,
    );
    expect(nextPageToken).to.equal("");
    const common = { region: "eu-central-1", allowedRegions: ["eu-central-1"], isCut: false, violations: [] };
    const counted = { ...place, region: "eu-central-1", generations: 2, sizeBytes: 20n };
    expect(namespaces).to.deep.equal([
      { namespace: "a", bucket: "bucket-a", regionRead: READ, places: [counted], ...common },
      { namespace: "b", bucket: "bucket-b", regionRead: undefined, places: [], ...common },
    ]);
  });

  it("lists every violation: the bucket that lies elsewhere, and files where none may be", async () => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files, { namespaces: ["a"] });
    await commitFile({ uploads }, nextPath(), { namespace: "a", bucket: "bucket-a" });
    await commitFile({ uploads }, nextPath(), { namespace: "a", bucket: "former", region: "us-east-1" });
    await commitFile({ uploads }, nextPath(), { namespace: "a", bucket: "former", region: "eu-central-1" });
    const regions = new BucketRegions();
    regions.note("bucket-a", { ...READ, region: "ap-southeast-2" });
    const { namespaces } = await residencyReport({ namespaces: toNamespaces("a"), regions, files }, FIRST, ALL);
    const elsewhere =
      "namespace a keeps files in eu-central-1, but bucket bucket-a lies in ap-southeast-2; its operator must correct that";
    const place = { namespace: "a", region: "eu-central-1", generations: 1, sizeBytes: 10n };
    expect(namespaces[0]?.places).to.have.lengthOf(3);
    expect(namespaces[0]?.violations).to.deep.equal([
      { kind: "bucket", problem: elsewhere, bucket: "bucket-a" },
      { kind: "files", problem: elsewhere, place: { ...place, bucket: "bucket-a" } },
      {
        kind: "files",
        problem: "namespace a allows files in eu-central-1 only; bucket former lies in us-east-1",
        place: { ...place, bucket: "former", region: "us-east-1" },
      },
    ]);
  });

  it("goes through all namespaces in pages, a hundred at most in each", async () => {
    const names = Array.from({ length: 230 }, (_, number) => `n${String(number).padStart(3, "0")}`);
    const deps = { namespaces: toNamespaces(...names), regions: new BucketRegions(), files: new FakeFileRepository() };
    const seen: string[] = [];
    const sizes: number[] = [];
    let after = "";
    do {
      const { namespaces, nextPageToken: next } = await residencyReport(
        deps,
        { pageSize: 1000, pageToken: after },
        ALL,
      );
      seen.push(...namespaces.map(({ namespace }) => namespace));
      sizes.push(namespaces.length);
      after = next;
    } while (after !== "");
    expect(seen).to.deep.equal(names);
    expect(sizes).to.deep.equal([100, 100, 30]);
  });

  it("leaves a namespace whose places do not fit to the next page, and cuts it there when it alone has too many", async () => {
    const place = (namespace: string, number: number): StoredPlace => ({
      namespace,
      bucket: `b${String(number).padStart(4, "0")}`,
      region: "eu-central-1",
      generations: 1,
      sizeBytes: 1n,
    });
    const all = [place("a", 0), ...Array.from({ length: 1200 }, (_, number) => place("b", number)), place("c", 0)];
    const files = {
      listPlaces: async (names: readonly string[], { limit }: { limit: number }) =>
        all.filter(({ namespace }) => names.includes(namespace)).slice(0, limit),
    };
    const deps = { namespaces: toNamespaces("a", "b", "c"), regions: new BucketRegions(), files };
    const pages = [];
    let pageToken = "";
    do {
      const page = await residencyReport(deps, { pageSize: 100, pageToken }, ALL);
      pages.push(page.namespaces.map(({ namespace, places, isCut }) => [namespace, places.length, isCut]));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(pages).to.deep.equal([[["a", 1, false]], [["b", 1000, true]], [["c", 1, false]]]);
  });

  it("speaks of the namespaces alone that the caller may hear of", async () => {
    const deps = {
      namespaces: toNamespaces("a", "b", "c"),
      regions: new BucketRegions(),
      files: new FakeFileRepository(),
    };
    const report = (options: { isShown?: (name: string) => boolean }) => residencyReport(deps, FIRST, options);
    const { namespaces } = await report({ isShown: (name) => name === "b" });
    expect(namespaces.map(({ namespace }) => namespace)).to.deep.equal(["b"]);
    expect((await report({})).namespaces).to.deep.equal([]);
  });
});
