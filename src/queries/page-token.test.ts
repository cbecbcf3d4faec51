import { expect } from "chai";
import { type FileOrder, PATH_ORDER } from "../domain/files/file-order.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";

const SIZE_ORDER: FileOrder = { field: "size_bytes", isDescending: true };
const FILE_ID = "0190a3b4-5c6d-7e8f-9a0b-000000000001";

describe("a page token", () => {
  for (const [order, cursor] of [
    [PATH_ORDER, { path: "\u{1f600}/\u05e9", generation: 3 }],
    [PATH_ORDER, { path: "a folder/", generation: 0 }],
    [SIZE_ORDER, { value: Number.MAX_SAFE_INTEGER, fileId: FILE_ID }],
  ] as const) {
    it(`carries ${JSON.stringify(cursor)}`, () => {
      expect(fromPageToken(toPageToken(cursor, ["x"]), ["x"], order)).to.deep.equal(cursor);
    });
  }

  /** A token whose binding is right, as only somebody who has read this code would forge it. */
  const forge = (first: unknown, second: unknown) => {
    const [binding] = JSON.parse(Buffer.from(toPageToken({ path: "a", generation: 1 }, ["x"]), "base64url").toString());
    return Buffer.from(JSON.stringify([binding, first, second])).toString("base64url");
  };

  for (const [what, order, token] of [
    ["a cursor of another order", SIZE_ORDER, forge("a", 1)],
    ["a cursor of no order of paths", PATH_ORDER, forge(1, FILE_ID)],
    ["an id that is none", SIZE_ORDER, forge(1, "'; DROP TABLE file; --")],
    ["a value that is no number", SIZE_ORDER, forge("1", FILE_ID)],
    ["a value beyond 2^53", SIZE_ORDER, forge(2 ** 53, FILE_ID)],
    ["a generation that is none", PATH_ORDER, forge("a", 1.5)],
    ["a path that PostgreSQL cannot hold", PATH_ORDER, forge("a\u0000", 1)],
    ["objects", PATH_ORDER, forge({}, {})],
    ["another list", PATH_ORDER, toPageToken({ path: "a", generation: 1 }, ["y"])],
  ] as const) {
    it(`is refused with ${what}`, () => {
      expect(() => fromPageToken(token, ["x"], order))
        .to.throw("page_token is not valid")
        .with.include({ code: "invalid_argument", reason: "PAGE_TOKEN_INVALID" });
    });
  }
});
