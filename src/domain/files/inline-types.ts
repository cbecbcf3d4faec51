const SHOWN = new Set(["text/plain", "application/json", "application/pdf"]);
/** XML of any kind may hold scripts, as SVG does. */
const PICTURE_OR_SOUND = /^(?:image|audio|video)\/(?!.*xml)[a-z0-9.+-]+$/;

/**
 * Whether a browser may show bytes of this media type at the address of the storage, where no header of Sluice's keeps
 * scripts in them from running: pictures, sound, video, plain text, JSON and PDF. All else, such as HTML and SVG, can hold
 * scripts. What is written in another form than "type/subtype; name=value" is not shown: browsers may read another type in
 * it.
 */
export function isShownSafely(contentType: string): boolean {
  if (contentType.includes(",")) return false;
  const [type = ""] = contentType.toLowerCase().split(";");
  return SHOWN.has(type.trim()) || PICTURE_OR_SOUND.test(type.trim());
}
