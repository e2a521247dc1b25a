/** What a client may call itself and its library. */

export const INVALID_CLIENT_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** True for bytes that cannot break a line of CLIENT LIST: none outside '!' to '~'. The empty word passes. */
export function isPrintableWord(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x21 || byte > 0x7e) return false;
  return true;
}
