import { describe, expect, it } from 'vitest';
import { latin1 } from '../../../src/base/bytes.js';
import { StreamId } from '../../../src/types/stream/id.js';
import { IdText } from '../../../src/types/stream/idText.js';

describe('the text of ids one after the other', () => {
  it('is each one’s own, whether the millisecond is the same or not', () => {
    const text = new IdText();
    const id = new StreamId();
    const words: [number, number, number, number][] = [
      [0, 0, 0, 0],
      [0, 0, 0, 1],
      [0, 1, 0, 1],
      [396, 1_000_000_000, 0, 9],
      [396, 1_000_000_000, 0, 10],
      [397, 1_000_000_000, 0, 10],
      [0, 7, 0, 123_456],
      [-1, -1, -1, -1],
      [-1, -1, 0, 0],
      [0, 0, 0, 0],
    ];
    for (const each of words) {
      const { buf, start, end } = text.of(id.set(...each));
      expect(latin1(buf, start, end)).toBe(id.toString());
    }
  });
});
