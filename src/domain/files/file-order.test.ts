import { expect } from "chai";
import { parseFileOrder } from "./file-order.ts";

describe("parseFileOrder", () => {
  for (const [orderBy, field, isDescending] of [
    ["", "path", false],
    ["  ", "path", false],
    ["path desc", "path", true],
    ["create_time", "create_time", false],
    [" update_time  asc ", "update_time", false],
    ["size_bytes desc", "size_bytes", true],
  ] as const) {
    it(`reads ${JSON.stringify(orderBy)}`, () => {
      expect(parseFileOrder(orderBy)).to.deep.equal({ field, isDescending });
    });
  }

  for (const [orderBy, column, expected] of [
    ["colour", 1, "one of path, create_time"],
    ["path down", 6, "asc or desc"],
    ["path DESC", 6, "asc or desc"],
    ["path, size_bytes", 1, "one of path, create_time"],
    ["path desc size_bytes", 11, "the end"],
    ["path; DROP TABLE file", 1, "one of path, create_time"],
    ["path ".repeat(10_000), 1, "at most 1000 characters"],
  ] as const) {
    it(`refuses ${JSON.stringify(orderBy.slice(0, 30))} at character ${column}`, () => {
      expect(() => parseFileOrder(orderBy))
        .to.throw(`character ${column}: expected ${expected}`)
        .with.deep.include({ code: "invalid_argument", reason: "ORDER_INVALID", field: "order_by" });
    });
  }
});
