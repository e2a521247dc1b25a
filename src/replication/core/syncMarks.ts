/**
 * Which offset of the master's stream lies on a replica's disk. The disk is known by bytes of the append-only file, the master
 * asks for bytes of its stream: a mark says that so many of the one hold so many of the other.
 */
export class SyncMarks {
  /** Ascending, those that the disk has not reached. */
  readonly #marks: { readonly fileBytes: number; readonly offset: number }[] = [];
  #reachedOffset = 0;

  /** Everything up to `offset` has been appended; the file is then `fileBytes` long. */
  note(fileBytes: number, offset: number): void {
    if (this.#marks.at(-1)?.offset !== offset) this.#marks.push({ fileBytes, offset });
  }

  /** The offset that is on disk when `syncedBytes` of the file are. */
  offsetAt(syncedBytes: number): number {
    while (this.#marks.length > 0 && this.#marks[0].fileBytes <= syncedBytes) {
      this.#reachedOffset = this.#marks[0].offset;
      this.#marks.shift();
    }
    return this.#reachedOffset;
  }
}
