import { expect } from "chai";
import { FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import { parseFieldMask } from "./field-mask.ts";

describe("parseFieldMask", () => {
  const parse = (text: string) => parseFieldMask(text, FileSchema);

  it("writes names of fields as the proto has them, by either name", () => {
    expect(parse("contentType,content_type,labels,dataSubject")).to.deep.equal([
      ...["content_type", "content_type", "labels", "data_subject"],
    ]);
    expect(parse("createTime.seconds")).to.deep.equal(["create_time.seconds"]);
  });

  it("leaves names of a map's entries as they are", () => {
    expect(parse("labels.costCenter,labels.cost_center,labels.cost-center,metadata.a.bC")).to.deep.equal([
      ...["labels.costCenter", "labels.cost_center", "labels.cost-center", "metadata.a.bC"],
    ]);
  });

  it("leaves what is no field for whoever applies it, and no name out", () => {
    expect(parse("*,nope,noPe.x")).to.deep.equal(["*", "nope", "noPe.x"]);
    expect(parse("")).to.deep.equal([]);
    expect(parseFieldMask("contentType", undefined)).to.deep.equal(["contentType"]);
  });
});
