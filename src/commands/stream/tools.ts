/** What stream commands work with: made once a server, so that a command makes no garbage. Everything is filled anew by each. */
import { EntryReader } from '../../types/stream/entryReader.js';
import { StreamId } from '../../types/stream/id.js';
import { IdText } from '../../types/stream/idText.js';
import { type FieldRanges, type NodeLimits, StreamEditor, type TrimPlan } from '../../types/stream/streamEditor.js';

/** The options of XADD and XTRIM. */
export class TrimArguments implements TrimPlan {
  noMkStream = false;
  /** The argument with the id, in XADD. */
  idArg = 0;
  /** `*`: the id is for the server to choose; {@link autoSequence}: only its second half is. */
  autoId = false;
  autoSequence = false;
  readonly id = new StreamId();
  /** The argument with the threshold; 0 when nothing is to be trimmed. */
  thresholdArg = 0;
  byLength = false;
  maxLength: number | undefined = undefined;
  readonly minId = new StreamId();
  approximate = false;
  limit = 0;

  reset(): void {
    this.noMkStream = false;
    this.idArg = 0;
    this.autoId = false;
    this.autoSequence = false;
    this.thresholdArg = 0;
    this.maxLength = undefined;
    this.approximate = false;
    this.limit = 0;
  }
}

class FieldArguments implements FieldRanges {
  buf: Uint8Array = new Uint8Array(0);
  start: Int32Array = new Int32Array(0);
  end: Int32Array = new Int32Array(0);
  first = 0;
  fieldCount = 0;
}

class Limits implements NodeLimits {
  maxBytes = 0;
  maxEntries = 0;
}

export class StreamTools {
  readonly editor = new StreamEditor();
  readonly reader = new EntryReader();
  readonly trim = new TrimArguments();
  readonly fields = new FieldArguments();
  readonly limits = new Limits();
  readonly id = new StreamId();
  readonly from = new StreamId();
  readonly to = new StreamId();
  readonly idText = new IdText();
  private readonly ids: StreamId[] = [];

  /** One of as many ids as a command needs. */
  idAt(i: number): StreamId {
    while (this.ids.length <= i) this.ids.push(new StreamId());
    return this.ids[i];
  }
}
