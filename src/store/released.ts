/**
 * Memory that nobody needs any more goes back to the operating system only when V8's collector runs, and shared and resizable
 * memory does not press it to run. Ordinary memory does: a block that is asked for, never touched and dropped at once costs
 * nothing and starts a collection, which works beside us and, with so few objects on the heap, stops us for about a millisecond.
 */

/** Less is not worth a collection. */
const WORTH_BYTES = 64 << 20;
/** Twice what V8 takes for a reason to collect. */
const PRESSURE_BYTES = 128 << 20;

export class Released {
  private bytes = 0;

  /** So much memory has been let go. */
  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** Makes the collector run if enough has been let go. */
  collect(): void {
    if (this.bytes < WORTH_BYTES) return;
    this.bytes = 0;
    try {
      new ArrayBuffer(PRESSURE_BYTES);
    } catch {
      // The machine has not even address space left; then V8 collects by itself.
    }
  }
}
