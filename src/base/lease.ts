/**
 * Large values on their way to clients, sent from where they lie instead of being copied first.
 *
 *   value    | ....sent.... | in flight | .......still to send.......... |        lent: the lease knows its parcels
 *   write                                      | x x x |
 *   parcel                              | lent  | copy  |    lent        |
 *
 * Before the owner of the memory writes to it, it asks its lease: a parcel that still has to send those bytes copies them,
 * and only them. What the kernel is just taking cannot be saved any more: then the owner moves to other memory.
 */

/** A parcel in more parts than this costs more than one copy of the whole. */
const MAX_PARTS = 1000;

/**
 * Told when so many of the bytes that a parcel still needs are about to be its own alone: memory beside the owner's. The parcel may be
 * taken to its end and released at that moment.
 */
export type OnKept = (bytes: number) => void;

/** buf[from, to) */
export interface Piece {
  readonly buf: Buffer;
  from: number;
  readonly to: number;
}

interface Part extends Piece {
  readonly lent: boolean;
}

export class Lease {
  private readonly parcels: Parcel[] = [];

  get isHeld(): boolean {
    return this.parcels.length > 0;
  }

  /** Lends buf[start, end): it stays as it is, for the parcel, until that is released. */
  lend(buf: Buffer, start: number, end: number, onKept?: OnKept): Parcel {
    const parcel = new Parcel(buf, start, end, this, onKept);
    this.parcels.push(parcel);
    return parcel;
  }

  /** Whether the owner may write [from, to) now; otherwise it must leave the memory to those who read it. */
  clear(from: number, to: number): boolean {
    for (const parcel of [...this.parcels]) if (!parcel.save(from, to)) return false;
    return true;
  }

  /** The owner leaves the memory to the parcels. */
  abandon(): void {
    for (const parcel of [...this.parcels]) parcel.onKept?.(parcel.length);
  }

  /** For {@link Parcel.release}. */
  remove(parcel: Parcel): void {
    const at = this.parcels.indexOf(parcel);
    if (at >= 0) this.parcels.splice(at, 1);
  }
}

/** Bytes to be sent, their own or lent ones, taken piece by piece. */
export class Parcel {
  /** Bytes that have not been taken. */
  length: number;
  readonly onKept: OnKept | undefined;
  private readonly lease: Lease | undefined;
  private readonly parts: Part[];
  private flightFrom = 0;
  private flightTo = 0;

  /** buf[start, end), to which nobody writes any more, or which `lease` lends. */
  constructor(buf: Buffer, start: number, end: number, lease: Lease | undefined = undefined, onKept?: OnKept) {
    this.length = end - start;
    this.onKept = onKept;
    this.lease = lease;
    this.parts = [{ buf, from: start, to: end, lent: lease !== undefined }];
  }

  /** The next piece, of `max` bytes at most; it is in flight until {@link landed}. */
  take(max: number): Piece {
    const part = this.parts[0];
    const { buf, from, lent } = part;
    const to = Math.min(part.to, from + max);
    if (to === part.to) this.parts.shift();
    part.from = to;
    this.length -= to - from;
    this.flightFrom = lent ? from : 0;
    this.flightTo = lent ? to : 0;
    return { buf, from, to };
  }

  /** The piece taken last has left; the last one ends the loan. */
  landed(): void {
    this.flightTo = 0;
    if (this.length === 0) this.release();
  }

  /** Nothing more will be sent. */
  release(): void {
    this.lease?.remove(this);
  }

  /** Copies what it needs of [from, to). False when that is not possible. */
  save(from: number, to: number): boolean {
    if (this.flightTo > from && this.flightFrom < to) return false;
    if (this.parts.length > MAX_PARTS) return false;
    this.tellKept(from, to);
    for (let i = this.parts.length - 1; i >= 0; i--) {
      const part = this.parts[i];
      const first = Math.max(from, part.from);
      const end = Math.min(to, part.to);
      if (part.lent && first < end) this.parts.splice(i, 1, ...split(part, first, end));
    }
    return true;
  }

  private tellKept(from: number, to: number): void {
    if (this.onKept === undefined) return;
    let bytes = 0;
    for (const part of this.parts) {
      if (part.lent) bytes += Math.max(0, Math.min(to, part.to) - Math.max(from, part.from));
    }
    if (bytes > 0) this.onKept(bytes);
  }
}

/** The part with a copy of [first, end) in its middle. */
function split(part: Part, first: number, end: number): Part[] {
  const { buf, from, to } = part;
  const parts: Part[] = [{ buf: Buffer.from(buf.subarray(first, end)), from: 0, to: end - first, lent: false }];
  if (from < first) parts.unshift({ buf, from, to: first, lent: true });
  if (end < to) parts.push({ buf, from: end, to, lent: true });
  return parts;
}
