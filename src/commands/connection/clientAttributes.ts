/** What a client is: what it may call itself and its library, and whether it is on this machine. */

export const INVALID_CLIENT_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** True for bytes that cannot break a line of CLIENT LIST: none outside '!' to '~'. The empty word passes. */
export function isPrintableWord(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte < 0x21 || byte > 0x7e) return false;
  return true;
}

/** The client connected from this machine: by a loopback address or a Unix socket. `peerAddress` is `ip:port` or a path. */
export function isLocalAddress(peerAddress: string): boolean {
  return peerAddress.startsWith('127.') || peerAddress.startsWith('[::1]') || peerAddress.startsWith('/');
}
