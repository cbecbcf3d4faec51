import { expect } from "chai";
import { toDatabaseWay } from "./pooler.ts";

describe("toDatabaseWay", () => {
  it("takes the parameter of a pooler out of a URL, and leaves the others", () => {
    const url = "postgres://a:b%20c@host:6432/files?application_name=sluice";
    expect(toDatabaseWay(url)).to.deep.equal({ url, isPooled: false });
    expect(toDatabaseWay(`${url}&pooler=transaction`)).to.deep.equal({ url, isPooled: true });
  });
});
