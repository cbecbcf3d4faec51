import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { GOLDEN_VALUES, toGoldenFile } from "./chart-values.ts";
import { type KubernetesJudge, NEWEST_KUBERNETES, OLDEST_KUBERNETES, openKubernetesJudge } from "./kubernetes-judge.ts";

describe("deploy/helm, beside the schemas of Kubernetes", () => {
  let judge: KubernetesJudge;
  before(async function () {
    const opened = await openKubernetesJudge();
    if (typeof opened === "string") {
      console.log(`    skipped: ${opened}`);
      return this.skip();
    }
    judge = opened;
    if (judge.skipped.length > 0)
      console.log(`    not judged: ${judge.skipped.join(", ")}; .ci/run fetches their schemas`);
  });
  after(() => judge?.close());

  for (const version of [OLDEST_KUBERNETES, NEWEST_KUBERNETES]) {
    for (const name of Object.keys(GOLDEN_VALUES)) {
      it(`has nothing in ${name} that Kubernetes ${version} does not know`, async () => {
        expect(await judge.judge(await readFile(toGoldenFile(name), "utf8"), version)).to.equal("");
      });
    }
  }
});
