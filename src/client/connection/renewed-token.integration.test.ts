import { expect } from "chai";
import type { Authenticator } from "../../auth/authenticator.ts";
import { refuseToken } from "../../auth/bearer-token.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { catchError, SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { createSluiceClient } from "../client.ts";
import type { TokenSource } from "../credentials.ts";

const content = Buffer.alloc(700_001, "bytes of a file");

describe("a token that is renewed", () => {
  let service: RunningService;
  let accepted = "first";
  const authenticate: Authenticator = async (header) => {
    if (header("authorization") === `Bearer ${accepted}`) return SAMPLE_CALLER;
    throw refuseToken("TOKEN_EXPIRED", "the token has expired; get a new one from its issuer");
  };
  let asked: (string | undefined)[];
  /** Gives the token that is accepted now, but only once the one before was refused. */
  let held = "first";
  const source: TokenSource = async ({ refused }) => {
    if (refused !== undefined) {
      asked.push(refused);
      held = accepted;
    }
    return held;
  };

  before(async () => {
    service = await startService({ authenticate });
  });
  after(() => service.stop());
  beforeEach(() => {
    [accepted, held, asked] = ["first", "first", []];
  });

  it("takes an upload on, in its middle, at another replica", async () => {
    const other = await service.startReplica();
    const doomed = await service.startReplica();
    const client = createSluiceClient({ urls: [doomed.url, other.url], token: source });
    let stopped: Promise<void> | undefined;
    async function* read() {
      yield content.subarray(0, 300_000);
      accepted = "second";
      stopped = doomed.stop();
      yield content.subarray(300_000);
    }
    const { receipt } = await client.upload(read(), "renewed");
    await stopped;
    expect(receipt?.sizeBytes).to.equal(BigInt(content.length));
    expect(asked).to.deep.equal(["first"]);
    client.close();
  });

  it("repeats a call and opens a watch again", async () => {
    const client = createSluiceClient({ url: service.url, token: source });
    const { uploadId } = await client.createUpload("watched");
    accepted = "second";
    expect(await client.getUpload(uploadId)).to.include({ uploadId });
    accepted = "third";
    for await (const { state } of client.watchUpload(uploadId)) {
      expect(state).to.equal("open");
      break;
    }
    expect(asked).to.deep.equal(["first", "second"]);
    client.close();
  });

  it("is asked for once when no other can be had, and the refusal is final", async () => {
    const client = createSluiceClient({
      url: service.url,
      token: async ({ refused }) => {
        asked.push(refused);
        return "wrong";
      },
    });
    expect(await catchError(() => client.getFile("a"))).to.include({
      code: "unauthenticated",
      reason: "TOKEN_EXPIRED",
    });
    expect(asked).to.deep.equal([undefined, "wrong"]);
    const bytes = await catchError(() => client.upload(content, "a"));
    expect(bytes).to.include({ code: "unauthenticated", reason: "TOKEN_EXPIRED" });
    client.close();
  });
});
