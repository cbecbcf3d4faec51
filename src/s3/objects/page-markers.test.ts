import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { parseMarkers, toNextPage } from "./page-markers.ts";

describe("toNextPage", () => {
  it("goes on from the markers of an answer, with an id or without", () => {
    expect(parseMarkers(undefined)).to.deep.equal([]);
    expect(parseMarkers(toNextPage(["key", "id"], undefined))).to.deep.equal(["key", "id"]);
    expect(parseMarkers(toNextPage(["key", ""], undefined))).to.deep.equal(["key"]);
    expect(parseMarkers(toNextPage(["key", "2"], toNextPage(["key", "1"], undefined)))).to.deep.equal(["key", "2"]);
  });

  it("ends where there is no next page", () => {
    expect(toNextPage(undefined, undefined)).to.equal(undefined);
    expect(toNextPage(["", undefined], undefined)).to.equal(undefined);
  });

  it("refuses to ask for ever for the page that it goes on from", () => {
    const after = toNextPage(["key", "id"], undefined);
    expect(() => toNextPage(["key", "id"], after))
      .to.throw(DomainError, "the same page of its listing")
      .with.property("reason", "STORAGE_UNAVAILABLE");
  });
});
