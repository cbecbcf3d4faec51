import { expect } from "chai";
import { isShownSafely } from "./inline-types.ts";

describe("isShownSafely", () => {
  it("shows what a browser only displays or plays", () => {
    for (const type of [
      ...["image/png", "image/jpeg", "IMAGE/GIF", "image/x-icon", "image/vnd.microsoft.icon"],
      ...["audio/mpeg", "video/mp4", "video/mp4; codecs=avc1", "application/pdf", "application/json"],
      ...["text/plain", "text/plain; charset=utf-8", "Text/Plain ;charset=utf-8"],
    ]) {
      expect(isShownSafely(type), type).to.equal(true);
    }
  });

  it("shows nothing that can hold a script, whatever it is written like", () => {
    for (const type of [
      ...["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "image/svg+xml", "Image/SVG+XML"],
      ...["text/xml", "application/xml", "application/mathml+xml", "image/xml", "video/x+xml", "text/javascript"],
      ...["multipart/x-mixed-replace", "message/rfc822", "application/octet-stream", "text/css", "text/xsl"],
      ...["", "image", "image/", "image/png, text/html", "image/png;,text/html", "image/png text/html", "*/*"],
    ]) {
      expect(isShownSafely(type), type).to.equal(false);
    }
  });
});
