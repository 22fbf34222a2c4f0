/** RFC 4648, section 4: padded, without line breaks. Works where there is no `Buffer`. */

export function encodeBase64(bytes) {
  /** Arguments of one call; engines have limits. */
  const PIECE = 8192;
  let binary = '';
  for (let at = 0; at < bytes.length; at += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(binary);
}

/** The bytes, or `null` if the text is no base64. */
export function decodeBase64(text) {
  // `atob` takes spaces and does without padding.
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return null;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
