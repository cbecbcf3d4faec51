import { expect } from "chai";
import { SluiceError } from "../../client/sluice-error.ts";
import { EXIT, toExitCode, toSentence } from "./exit-code.ts";

describe("toExitCode", () => {
  it("says to try again later after a day's quota and a rate, and not after a quota of storage", () => {
    const codeOf = (reason: string) => toExitCode(new SluiceError("resource_exhausted", "x", { reason }));
    expect([codeOf("QUOTA_REQUESTS"), codeOf("QUOTA_BYTES_PER_DAY")]).to.deep.equal([EXIT.tryLater, EXIT.tryLater]);
    expect(codeOf("QUOTA_STORAGE")).to.equal(EXIT.failed);
  });
});

describe("toSentence", () => {
  const said = (message: string) => toSentence(new SluiceError("invalid_argument", message, { reason: "X" }));

  it("names the options of the command line where the service names those of the API", () => {
    expect(said('order_by is not valid at character 1: expected a field; "size" is none')).to.equal(
      '--order is not valid at character 1: expected a field; "size" is none',
    );
    expect(said("send one of them, or list the files by ListFiles")).to.equal(
      "send one of them, or list the files by `sluice ls`",
    );
    expect(said("max_uses is 5; send 1")).to.equal("--max-uses is 5; send 1");
  });

  it("leaves what the service quotes, and other errors, as they are", () => {
    expect(said('there is no file at "order_by \\" ListFiles"')).to.equal(
      'there is no file at "order_by \\" ListFiles"',
    );
    expect(said("its content is as it was")).to.equal("its content is as it was");
    expect(toSentence(new Error("order_by"))).to.equal("order_by");
    expect(toSentence(new SluiceError("unknown", "x", { reason: "constructor" }))).to.equal("x");
  });
});
