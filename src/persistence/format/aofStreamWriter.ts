/**
 * A stream as commands: its entries, its counters, its groups with their consumers and what is pending.
 *
 *   XADD key 1-1 f v | XADD key MAXLEN 0 0-1 x y         without entries
 *   XSETID key 1-1 ENTRIESADDED 7 MAXDELETEDID 1-0
 *   XGROUP CREATE key group 1-1 ENTRIESREAD 3
 *   XGROUP CREATECONSUMER key group consumer             without entries pending
 *   XCLAIM key group consumer 0 1-1 TIME 1700000000000 RETRYCOUNT 2 JUSTID FORCE
 *
 * As with redis-server, XCLAIM does not bring back what is pending of entries that have been deleted.
 */
import type { DataRange } from '../../base/copy.js';
import { EntryReader } from '../../types/stream/entryReader.js';
import type { Consumer, Group } from '../../types/stream/group.js';
import { ID_TEXT_BYTES, StreamId } from '../../types/stream/id.js';
import type { Stream } from '../../types/stream/stream.js';
import type { AofBuffer } from './aofCommand.js';

export class AofStreamWriter {
  private readonly out: AofBuffer;
  /** A command ends here: what was written may be taken away. */
  private readonly onCommand: () => void;
  private readonly reader = new EntryReader();
  private readonly from = new StreamId().setMin();
  private readonly to = new StreamId().setMax();
  private readonly pendingId = new StreamId();
  private readonly text = new Uint8Array(ID_TEXT_BYTES);

  constructor(out: AofBuffer, onCommand: () => void) {
    this.out = out;
    this.onCommand = onCommand;
  }

  write(stream: Stream, key: DataRange): void {
    this.entries(stream, key);
    const tail = this.tail(stream, key);
    while (tail.next().done !== true);
  }

  /** Everything but the entries, and behind them, a command a step. Nobody else may move the cursors of the stream meanwhile. */
  *tail(stream: Stream, key: DataRange): Generator<undefined, void> {
    if (stream.length === 0) {
      this.open(7, ['XADD'], key);
      for (const word of ['MAXLEN', '0', '0-1', 'x', 'y']) this.out.text(word);
    }
    this.open(7, ['XSETID'], key);
    this.id(stream.lastId);
    this.out.text('ENTRIESADDED');
    this.out.text(String(stream.entriesAdded.value));
    this.out.text('MAXDELETEDID');
    this.id(stream.maxDeletedId);
    for (const name of [...stream.groups.keys()].sort()) yield* this.group(stream.groups.get(name)!, name, key);
  }

  entries(stream: Stream, key: DataRange): void {
    const reader = this.reader.open(stream, this.from, this.to, false);
    while (reader.next()) {
      this.open(3 + 2 * reader.fieldCount, ['XADD'], key);
      this.id(reader.id);
      for (let i = 0; i < reader.fieldCount; i++) {
        this.bulk(reader.field());
        this.bulk(reader.value());
      }
      this.onCommand();
    }
  }

  private *group(group: Group, name: string, key: DataRange): Generator<undefined, void> {
    this.open(7, ['XGROUP', 'CREATE'], key);
    this.out.text(name);
    this.id(group.lastId);
    this.out.text('ENTRIESREAD');
    this.out.text(String(group.entriesRead));
    for (const consumer of group.sortedConsumers()) {
      if (consumer.pending.size > 0) yield* this.pending(group, name, consumer, key);
      else {
        this.open(5, ['XGROUP', 'CREATECONSUMER'], key);
        this.out.text(name);
        this.out.text(consumer.name);
        this.onCommand();
        yield;
      }
    }
  }

  private *pending({ pending }: Group, name: string, consumer: Consumer, key: DataRange): Generator<undefined, void> {
    const { out, pendingId } = this;
    for (let more = consumer.pending.first(); more; more = consumer.pending.next()) {
      pending.find(consumer.pending.id(pendingId));
      this.open(12, ['XCLAIM'], key);
      out.text(name);
      out.text(consumer.name);
      out.text('0');
      this.id(pendingId);
      out.text('TIME');
      out.text(String(pending.deliveredAtMs));
      out.text('RETRYCOUNT');
      out.text(String(pending.deliveries));
      out.text('JUSTID');
      out.text('FORCE');
      this.onCommand();
      yield;
    }
  }

  private open(argc: number, words: readonly string[], key: DataRange): void {
    this.out.command(argc);
    for (const word of words) this.out.text(word);
    this.bulk(key);
  }

  private id(id: StreamId): void {
    this.out.bulk(this.text, 0, id.writeText(this.text, 0));
  }

  private bulk({ buf, start, end }: DataRange): void {
    this.out.bulk(buf, start, end);
  }
}
