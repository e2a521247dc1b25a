/**
 * Dense registers: 6 bits each, the lowest bits first.
 *
 *   byte       |        0        |        1        |        2        |
 *   register   | 1 1 0 0 0 0 0 0 | 2 2 2 2 1 1 1 1 | 3 3 3 3 3 3 2 2 |      four in three bytes
 *
 * `at` is where the registers begin: behind the header.
 */
import { REGISTERS } from './layout.js';

export function readRegister(buf: Uint8Array, at: number, index: number): number {
  const byte = at + ((index * 6) >>> 3);
  const shift = (index * 6) & 7;
  const low = buf[byte] >> shift;
  return (shift > 2 ? low | (buf[byte + 1] << (8 - shift)) : low) & 63;
}

export function writeRegister(buf: Uint8Array, at: number, index: number, count: number): void {
  const byte = at + ((index * 6) >>> 3);
  const shift = (index * 6) & 7;
  buf[byte] = (buf[byte] & ~(63 << shift)) | (count << shift);
  if (shift > 2) buf[byte + 1] = (buf[byte + 1] & ~(63 >> (8 - shift))) | (count >> (8 - shift));
}

/** Raises each register to the one of the dense value if that is greater. */
export function mergeDense(registers: Uint8Array, buf: Uint8Array, at: number): void {
  for (let i = 0, byte = at; i < REGISTERS; i += 4, byte += 3) {
    const four = buf[byte] | (buf[byte + 1] << 8) | (buf[byte + 2] << 16);
    const a = four & 63;
    const b = (four >> 6) & 63;
    const c = (four >> 12) & 63;
    const d = four >> 18;
    if (a > registers[i]) registers[i] = a;
    if (b > registers[i + 1]) registers[i + 1] = b;
    if (c > registers[i + 2]) registers[i + 2] = c;
    if (d > registers[i + 3]) registers[i + 3] = d;
  }
}

/** Writes all registers. */
export function packDense(buf: Uint8Array, at: number, registers: Uint8Array): void {
  for (let i = 0, byte = at; i < REGISTERS; i += 4, byte += 3) {
    const four = registers[i] | (registers[i + 1] << 6) | (registers[i + 2] << 12) | (registers[i + 3] << 18);
    buf[byte] = four;
    buf[byte + 1] = four >> 8;
    buf[byte + 2] = four >> 16;
  }
}

/** Counts how many registers hold each number. */
export function countDense(histogram: Int32Array, buf: Uint8Array, at: number): void {
  for (let i = 0, byte = at; i < REGISTERS; i += 4, byte += 3) {
    const four = buf[byte] | (buf[byte + 1] << 8) | (buf[byte + 2] << 16);
    histogram[four & 63]++;
    histogram[(four >> 6) & 63]++;
    histogram[(four >> 12) & 63]++;
    histogram[four >> 18]++;
  }
}
