/** Bytes on their way to a file, in whole pages: a write to a page that is on its way to the disk would wait for it. */

const STAGE_BYTES = 256 * 1024;
const SYNC_EVERY_BYTES = 4 * 1024 * 1024;

export class RdbStage {
  private readonly stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
  private stagedBytes = 0;
  private unsyncedBytes = 0;
  private readonly writeSome: (buf: Buffer, at: number, length: number) => number;
  private readonly sync: () => void;
  private readonly syncingOften: boolean;

  /** `writeSome` answers how much it has written. Both throw what the file system throws. */
  constructor(writeSome: (buf: Buffer, at: number, length: number) => number, sync: () => void, syncingOften: boolean) {
    this.writeSome = writeSome;
    this.sync = sync;
    this.syncingOften = syncingOften;
  }

  write(buf: Buffer, length: number): void {
    for (let at = 0; at < length; ) {
      const count = Math.min(length - at, STAGE_BYTES - this.stagedBytes);
      buf.copy(this.stage, this.stagedBytes, at, at + count);
      this.stagedBytes += count;
      at += count;
      if (this.stagedBytes === STAGE_BYTES) this.writeStage();
    }
  }

  /** On return all is on disk. */
  finish(): void {
    this.writeStage();
    this.sync();
  }

  private writeStage(): void {
    const length = this.stagedBytes;
    for (let at = 0; at < length; ) at += this.writeSome(this.stage, at, length - at);
    this.stagedBytes = 0;
    this.unsyncedBytes += length;
    if (!this.syncingOften || this.unsyncedBytes < SYNC_EVERY_BYTES) return;
    this.sync();
    this.unsyncedBytes = 0;
  }
}
