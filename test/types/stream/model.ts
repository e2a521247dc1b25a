/** A stream as plain data, to hold the real one against. */
import { latin1 } from '../../../src/base/bytes.js';
import { EntryReader } from '../../../src/types/stream/entryReader.js';
import { StreamId } from '../../../src/types/stream/id.js';
import type { Stream } from '../../../src/types/stream/stream.js';
import type { FieldRanges } from '../../../src/types/stream/streamEditor.js';

export interface ModelEntry {
  readonly ms: bigint;
  readonly seq: bigint;
  readonly fields: readonly string[];
}

export function idOf(ms: bigint | number, seq: bigint | number): StreamId {
  const text = Buffer.from(`${ms}-${seq}`);
  const id = new StreamId();
  if (id.parse(text, 0, text.length, 0) === 0) throw new Error(`${text} is no id`);
  return id;
}

/** Field and value in turn, as ranges of one buffer. */
export function ranges(fields: readonly string[]): FieldRanges {
  const parts = fields.map((each) => Buffer.from(each, 'latin1'));
  const start = new Int32Array(parts.length);
  const end = new Int32Array(parts.length);
  let at = 0;
  parts.forEach((part, i) => {
    start[i] = at;
    at += part.length;
    end[i] = at;
  });
  return { buf: Buffer.concat(parts), start, end, first: 0, fieldCount: parts.length / 2 };
}

/** What a reader finds: `id field value ...` an entry. */
export function readEntries(
  stream: Stream,
  from: StreamId,
  to: StreamId,
  reverse: boolean,
  skipFields = false,
): string[] {
  const reader = new EntryReader().open(stream, from, to, reverse);
  const found: string[] = [];
  while (reader.next()) {
    const parts = [reader.id.toString()];
    for (let i = 0; !skipFields && i < reader.fieldCount; i++) {
      for (const part of ['field', 'value'] as const) {
        const { buf, start, end } = reader[part]();
        parts.push(latin1(buf, start, end));
      }
    }
    found.push(parts.join(' '));
  }
  return found;
}

export function entryText({ ms, seq, fields }: ModelEntry): string {
  return [`${ms}-${seq}`, ...fields].join(' ');
}

export function compareIds(a: ModelEntry, b: ModelEntry): number {
  if (a.ms !== b.ms) return a.ms < b.ms ? -1 : 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0;
}
