/**
 * The decimal text of ids that are written one after the other. Many are of the same millisecond: then its digits stand there
 * already.
 *
 *   text   <ms> - <seq>
 *               ^ seqAt
 */
import { ByteView } from '../../store/types.js';
import { ID_TEXT_BYTES, MINUS, type StreamId } from './id.js';
import { writeWords } from './uint64.js';

export class IdText {
  private readonly text = new Uint8Array(ID_TEXT_BYTES);
  private readonly view = new ByteView().set(this.text, new DataView(this.text.buffer), 0, 0);
  private msHigh = 0;
  private msLow = 0;
  private seqAt = 0;

  /** The text of an id, until the next call. */
  of({ msHigh, msLow, seqHigh, seqLow }: StreamId): ByteView {
    const { text, view } = this;
    if (this.seqAt === 0 || msLow !== this.msLow || msHigh !== this.msHigh) {
      const dashAt = writeWords(text, 0, msHigh, msLow);
      text[dashAt] = MINUS;
      this.seqAt = dashAt + 1;
      this.msHigh = msHigh;
      this.msLow = msLow;
    }
    view.end = writeWords(text, this.seqAt, seqHigh, seqLow);
    return view;
  }
}
