import { expect } from "chai";
import { element, parseItems, xmlDocument } from "./xml.ts";

describe("element", () => {
  it("escapes text, also control characters, and nests markup", () => {
    expect(element("A", element("B", '<&>"\u0001')).xml).to.equal("<A><B>&lt;&amp;&gt;&quot;&#x1;</B></A>");
  });

  it("is nothing for an undefined text and empty for none", () => {
    expect(element("A", undefined).xml).to.equal("");
    expect(element("A").xml).to.equal("<A></A>");
  });
});

describe("parseItems", () => {
  it("reads back what element wrote, whatever the text", () => {
    const key = " a&b<c>\"'\u0001\r\n 日本\u{1f600} ";
    const document = xmlDocument("Delete", element("Object", element("Key", key)), element("Quiet", true));
    expect(parseItems(document, "Delete", "Object")).to.deep.equal([{ Key: key }]);
  });

  it("decodes decimal and named references and leaves nonsense alone", () => {
    const body = "<R><I><K>&#65;&apos;&#x110000;&nope;</K></I><I><K>2</K></I></R>";
    expect(parseItems(body, "R", "I")).to.deep.equal([{ K: "A'&#x110000;&nope;" }, { K: "2" }]);
  });

  it("finds no items in an empty document", () => {
    expect(parseItems("<R></R>", "R", "I")).to.deep.equal([]);
    expect(parseItems("<R><X>1</X></R>", "R", "I")).to.deep.equal([]);
  });

  for (const body of ["", "nonsense", "<R><I></R>", "<Other/>", "<R><I>text</I></R>", "<!DOCTYPE R><R></R>"]) {
    it(`refuses ${JSON.stringify(body)}`, () => {
      expect(() => parseItems(body, "R", "I"))
        .to.throw()
        .with.property("code", "MalformedXML");
    });
  }
});
