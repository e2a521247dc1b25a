/** The slots of a cluster drawn as a map: a letter for each master, a cell for some slots. Pure. */
import { SLOT_COUNT } from '../base/crc16.js';
import { listSlots, type SlotRange } from './slots.js';

export interface MapOwner {
  readonly name: string;
  readonly slots: readonly SlotRange[];
}

const COLUMNS = 64;
const ROWS = 16;
const SLOTS_PER_CELL = SLOT_COUNT / (COLUMNS * ROWS);
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Colours of the terminal that are told apart on dark and light grounds. */
const COLOURS = [36, 33, 35, 32, 34, 31] as const;

/** Lines: each cell shows who has most of its slots, `.` where nobody has any; then who is who. */
export function drawSlotMap(owners: readonly MapOwner[], openSlots: readonly number[], coloured: boolean): string[] {
  const ownerOf = new Int32Array(SLOT_COUNT).fill(-1);
  for (const [i, { slots }] of owners.entries()) for (const slot of listSlots(slots)) ownerOf[slot] = i;
  const open = new Set(openSlots);
  const lines = [`Slots (${SLOTS_PER_CELL} in each cell; '.' nobody serves, '*' on the move):`];
  for (let row = 0; row < ROWS; row++) {
    const first = row * COLUMNS * SLOTS_PER_CELL;
    let line = `${String(first).padStart(5)} `;
    for (let column = 0; column < COLUMNS; column++) {
      const at = first + column * SLOTS_PER_CELL;
      line += cell(ownerOf.subarray(at, at + SLOTS_PER_CELL), anyOpen(open, at), coloured);
    }
    lines.push(line);
  }
  for (const [i, { name }] of owners.entries()) lines.push(`      ${paint(letterOf(i), i, coloured)} ${name}`);
  return lines;
}

function anyOpen(open: ReadonlySet<number>, first: number): boolean {
  return Array.from({ length: SLOTS_PER_CELL }, (_, i) => first + i).some((slot) => open.has(slot));
}

function cell(owners: Int32Array, isOpen: boolean, coloured: boolean): string {
  if (isOpen) return '*';
  const counts = new Map<number, number>();
  for (const owner of owners) if (owner >= 0) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  // A hole must not hide behind the owner of its neighbours.
  if (most === undefined || owners.includes(-1)) return '.';
  return paint(letterOf(most[0]), most[0], coloured);
}

function letterOf(owner: number): string {
  return LETTERS[owner % LETTERS.length];
}

function paint(letter: string, owner: number, coloured: boolean): string {
  return coloured ? `\x1b[${COLOURS[owner % COLOURS.length]}m${letter}\x1b[0m` : letter;
}
