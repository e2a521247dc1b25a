/**
 * CRC16-CCITT (XMODEM): polynomial 0x1021, initial value 0, no reflection. Redis Cluster hashes keys to slots with it
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, appendix A).
 */
const TABLE = buildTable();

function buildTable(): Uint16Array {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = crc;
  }
  return table;
}

/** The checksum of buf[start, end), 0 to 65535. */
export function crc16(buf: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >>> 8) ^ buf[i]];
  return crc;
}

export const SLOT_COUNT = 16384;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The slot of the key in buf[start, end): the first non-empty `{tag}` is hashed if there is one, else the whole key. */
export function keySlot(buf: Uint8Array, start: number, end: number): number {
  for (let open = start; open < end; open++) {
    if (buf[open] !== OPEN_BRACE) continue;
    for (let close = open + 1; close < end; close++) {
      if (buf[close] !== CLOSE_BRACE) continue;
      if (close === open + 1) return crc16(buf, start, end) & (SLOT_COUNT - 1);
      return crc16(buf, open + 1, close) & (SLOT_COUNT - 1);
    }
    break;
  }
  return crc16(buf, start, end) & (SLOT_COUNT - 1);
}
