import { expect } from "chai";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { useTwoReplicas } from "../testing/rigs/uploads/two-replicas.ts";
import { createSluiceClient } from "./client.ts";

const MIB = 2 ** 20;

describe("a client of two replicas, of which one is killed", () => {
  const two = useTwoReplicas("killed");

  it("ends an upload of 1 stream at the other", async () => {
    expect(await two.uploadThroughEnd("killed-1", 1), "the upload was cut").to.be.at.least(1);
    await two.expectOneFile("killed-1");
  });

  it("watches on at the other", async () => {
    const { uploadId } = await two.client.createUpload("watched", { sizeBytes: BigInt(two.bytes.length) });
    const states: string[] = [];
    let uploading: Promise<unknown> | undefined;
    for await (const { state } of two.client.watchUpload(uploadId)) {
      states.push(state);
      // The upload is written at the second replica and watched at the first, which is killed at the first report.
      uploading ??= two.endFirst().then(async () => {
        const writer = createSluiceClient({ url: two.rig.service.url, token: SERVICE_TOKEN });
        await writer.upload(two.source, "watched", { resumeUploadId: uploadId }).finally(() => writer.close());
      });
    }
    await uploading;
    expect(states[0]).to.equal("open");
    expect(states.at(-1)).to.equal("committed");
  });
});

describe("a client of a replica that is killed, and of an address where none is", () => {
  const two = useTwoReplicas("killed");

  it("says in one sentence where it was tried", async () => {
    const urls = [two.firstUrl, "http://127.0.0.1:1"];
    const client = createSluiceClient({ urls, token: SERVICE_TOKEN });
    let killing: Promise<unknown> | undefined;
    const error = await client
      .upload(two.source, "none-left", {
        retry: { triesMax: 4, delayBaseMs: 1, delayMaxMs: 5 },
        onProgress: ({ durableBytes }) => {
          if (durableBytes >= MIB) killing ??= two.endFirst();
        },
      })
      .catch((thrown: Error) => thrown);
    await killing;
    client.close();
    expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
    const { message } = error as Error;
    expect(message).to.match(/^gave up after 4 tries at .* and .*: .+/);
    for (const url of urls) expect(message).to.contain(url);
  });
});
