/** Time that passes only when it is told to. Events of one moment run in the order in which they were asked for. */

interface Event {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

export class VirtualTime {
  nowMs: number;
  /** Events run so far. */
  count = 0;
  readonly #heap: Event[] = [];
  #sequence = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), sequence: this.#sequence++, run });
  }

  /** Runs what is due within the next `ms`. */
  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let event = this.#heap[0]; event !== undefined && event.atMs <= endMs; event = this.#heap[0]) {
      this.#pop();
      this.nowMs = Math.max(this.nowMs, event.atMs);
      this.count++;
      event.run();
    }
    this.nowMs = endMs;
  }

  // ------------------------------------------------------------------------------------------------ binary heap

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
