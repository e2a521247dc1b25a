/**
 * Memory for long byte strings. From {@link GROWABLE_FROM_BYTES} on it is a resizable ArrayBuffer: address space for the longest string
 * is reserved at once and pages are put under it as it grows, so a string of any length grows without ever being copied, and
 * what was never written is zero and costs nothing.
 *
 *   buffer   | bytes in use | room, zeros, no memory yet |        address space only        |
 *            0          written                     byteLength                       maxByteLength
 */

/** Each resizable buffer takes two of the 65530 memory mappings of a Linux process: hence not for small ones. */
export const GROWABLE_FROM_BYTES = 4 << 20;
/** The longest value (1 GiB) and what may stand around it in a receive buffer. */
const RESERVED_BYTES = (1 << 30) + (1 << 24);

/** What the type library of our language level does not know yet. */
interface ResizableBuffer extends ArrayBuffer {
  readonly resizable: boolean;
  readonly maxByteLength: number;
  resize(byteLength: number): void;
}
const Resizable = ArrayBuffer as unknown as new (
  byteLength: number,
  options: { maxByteLength: number },
) => ResizableBuffer;

/** Memory of `capacity` bytes. Zeros when it is growable, anything otherwise. Throws RangeError when there is none. */
export function allocateBytes(capacity: number): Buffer {
  if (capacity < GROWABLE_FROM_BYTES || capacity > RESERVED_BYTES) return Buffer.allocUnsafeSlow(capacity);
  return Buffer.from(new Resizable(capacity, { maxByteLength: RESERVED_BYTES }), 0, capacity);
}

export function isGrowable(bytes: Uint8Array): boolean {
  return (bytes.buffer as ResizableBuffer).resizable === true;
}

/**
 * A view of `capacity` bytes that begins where `bytes` does, the memory behind it being put there if need be (as zeros).
 * Undefined when this memory cannot grow so far.
 */
export function grownInPlace(bytes: Buffer, capacity: number): Buffer | undefined {
  const buffer = bytes.buffer as ResizableBuffer;
  const end = bytes.byteOffset + capacity;
  if (buffer.resizable !== true || end > buffer.maxByteLength) return undefined;
  if (end > buffer.byteLength) {
    try {
      buffer.resize(end);
    } catch {
      return undefined;
    }
  }
  return Buffer.from(buffer, bytes.byteOffset, capacity);
}
