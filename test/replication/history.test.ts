import { describe, expect, it } from 'vitest';
import { decidePsync, History, NO_ID } from '../../src/replication/core/history.js';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const C = 'c'.repeat(40);

function historyAt(offset: number): History {
  const history = new History(A);
  history.offset = offset;
  return history;
}

describe('a replica that comes back', () => {
  const kept = { start: 100, end: 500 };

  it.each([
    [101, 100],
    [300, 299],
    [501, 500],
  ])('with offset %i goes on at byte %i', (offset, from) => {
    expect(decidePsync(historyAt(500), kept, A, offset)).toEqual({ from });
    expect(decidePsync(historyAt(500), kept, A.toUpperCase(), offset)).toEqual({ from });
  });

  it.each([100, 0, -1, 502, 1e9])('needs everything when its offset %i is not in the backlog', (offset) => {
    expect(decidePsync(historyAt(500), kept, A, offset)).toHaveProperty('refused', expect.stringContaining('backlog'));
  });

  it('needs everything when there is no backlog, it knows nothing, or it has another history', () => {
    expect(decidePsync(historyAt(500), undefined, A, 300)).toHaveProperty('refused');
    expect(decidePsync(historyAt(500), kept, '?', -1)).toEqual({ refused: '' });
    expect(decidePsync(historyAt(500), kept, C, 300)).toHaveProperty('refused', expect.stringContaining('mismatch'));
  });
});

describe('a promoted replica', () => {
  const promoted = historyAt(500);
  promoted.fork(B);
  promoted.offset = 900;
  const kept = { start: 100, end: 900 };

  it('knows the history of its late master up to its own beginning', () => {
    expect(promoted).toMatchObject({ id: B, secondId: A, secondEnd: 501 });
    expect(decidePsync(promoted, kept, A, 400)).toEqual({ from: 399 });
    expect(decidePsync(promoted, kept, A, 501)).toEqual({ from: 500 });
  });

  it('does not go on with a replica that has more of the old history', () => {
    expect(decidePsync(promoted, kept, A, 502)).toHaveProperty('refused', expect.stringContaining('up to 501'));
    expect(decidePsync(promoted, kept, B, 902)).toHaveProperty('refused');
    expect(decidePsync(promoted, kept, B, 901)).toEqual({ from: 900 });
  });

  it('forgets the old history with all its data', () => {
    promoted.adopt(C, 7);
    expect(promoted).toMatchObject({ id: C, offset: 7, secondId: NO_ID, secondEnd: -1 });
    expect(decidePsync(promoted, { start: 0, end: 7 }, NO_ID, 1)).toHaveProperty('refused');
  });
});
