/** Lists in the RDB format. */
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { type ExpireAtMs, type Ref, TYPE_LIST } from '../../store/types.js';
import { fitsListpack } from '../../types/list/limits.js';
import type { ListNode } from '../../types/list/listNode.js';
import { ENCODING_LISTPACK, ENCODING_QUICKLIST } from '../../types/list/lists.js';
import { NodeListpack } from '../../types/list/nodeListpack.js';
import { Quicklist } from '../../types/list/quicklist.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { ListpackElement } from '../../types/listpack/element.js';
import { validate } from '../../types/listpack/format.js';
import { NODE_LISTPACK, NODE_PLAIN, RDB_LIST, RDB_LIST_QUICKLIST_2, RDB_LIST_ZIPLIST } from './rdbFormat.js';
import { FrozenList } from './rdbFrozen.js';
import { type RdbInput, RdbString } from './rdbInput.js';
import { LoadedBytes, type LoadedValue, NODES_A_STEP, readInSteps, type ValueReading } from './rdbLoaded.js';
import type { RdbOutput } from './rdbOutput.js';
import {
  type EarlyParts,
  SLICED_FROM_BYTES,
  SLICED_FROM_NODES,
  SlicedList,
  type SlicedValue,
  writeNode,
} from './rdbSliced.js';
import { Ziplist } from './rdbZiplist.js';

export class RdbLists {
  private readonly config: Config;
  private readonly bytes = new LoadedBytes();
  private nodes: NodeListpack | undefined;
  private readonly text = new RdbString();
  private readonly entry = new RdbString();
  private readonly cursor = new ListpackCursor();
  private readonly element = new ListpackElement();

  constructor(config: Config) {
    this.config = config;
  }

  write(out: RdbOutput, db: Database, ref: Ref): void {
    out.byte(RDB_LIST_QUICKLIST_2);
    if (db.encoding(ref) === ENCODING_LISTPACK) {
      out.count(1);
      out.count(NODE_LISTPACK);
      return out.view(db.readValue(ref));
    }
    const list = db.object(ref) as Quicklist;
    out.count(list.nodeCount);
    for (let node = list.firstNode; node !== undefined; node = node.next) this.writeNode(out, list, node);
  }

  private writeNode(out: RdbOutput, list: Quicklist, node: ListNode): void {
    if (node.packedBytes === 0 || node.isBare) return writeNode(out, list.look(node), node.isBare);
    const { blocks } = list;
    const from = blocks.base(node);
    out.count(NODE_LISTPACK);
    out.compressedString(blocks.buf(node), from, from + node.packedBytes, node.bytes);
  }

  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    const list = db.object(ref);
    if (!(list instanceof Quicklist) || list.nodeCount <= SLICED_FROM_NODES) return undefined;
    return early === undefined ? new FrozenList(list) : new SlicedList(list, early);
  }

  read(input: RdbInput, type: number, db: Database): LoadedValue {
    const list = this.begin(db);
    try {
      const only = this.readNodes(input, type, db, list);
      if (only !== undefined) return only;
    } catch (error) {
      list.release();
      throw error;
    }
    if (list.length === 0) input.fail();
    return new LoadedList(db, list);
  }

  *readInSteps(input: RdbInput, type: number, db: Database): ValueReading {
    if (type !== RDB_LIST_QUICKLIST_2 || input.left < SLICED_FROM_BYTES) return this.read(input, type, db);
    const list = this.begin(db);
    const readSome = (some: number): void => {
      for (let left = some; left > 0 && !input.failed; left--) if (this.openNode(input, list)) this.takeNode(list);
    };
    yield* readInSteps(input.count(), NODES_A_STEP, readSome, () => list.release());
    if (list.length === 0) input.fail();
    return new LoadedList(db, list);
  }

  private begin(db: Database): Quicklist {
    const { values } = this.config;
    if (this.nodes?.blocks !== db.blocks) this.nodes = new NodeListpack(db.blocks);
    return new Quicklist(this.nodes, values['list-max-listpack-size'], values['list-compress-depth']);
  }

  /** Answers the value itself when it is one listpack; else its elements are in the list. */
  private readNodes(input: RdbInput, type: number, db: Database, list: Quicklist): LoadedValue | undefined {
    const { text, cursor } = this;
    const count = type === RDB_LIST_ZIPLIST ? 1 : input.count();
    for (let left = count; left > 0 && !input.failed; left--) {
      if (type === RDB_LIST) this.readElement(input, list);
      else if (type !== RDB_LIST_QUICKLIST_2) this.readZiplist(input, list);
      else if (this.openNode(input, list)) {
        // Most lists are one node, which then is the value as it is.
        if (count === 1 && cursor.count > 0 && fitsListpack(list.fill, text.length, cursor.count)) {
          return this.bytes.set(db, TYPE_LIST, ENCODING_LISTPACK, text.buf, text.start, text.end);
        }
        this.takeNode(list);
      }
    }
    return undefined;
  }

  private readElement(input: RdbInput, list: Quicklist): void {
    input.string(this.text);
    if (!input.failed) this.push(list, this.text);
  }

  private push(list: Quicklist, { buf, start, end }: RdbString): void {
    list.push(this.element.set(buf, start, end), false);
  }

  private readZiplist(input: RdbInput, list: Quicklist): void {
    input.string(this.text);
    const ziplist = new Ziplist(this.text);
    while (!input.failed && ziplist.next(this.entry)) this.push(list, this.entry);
    if (!ziplist.isWhole) input.fail();
  }

  /** Reads a node: true when it is a listpack, which is then open; an element that is a node by itself is taken at once. */
  private openNode(input: RdbInput, list: Quicklist): boolean {
    const container = input.count();
    const { text, cursor } = this;
    input.string(text);
    const { buf, data, start, end } = text;
    if (container === NODE_PLAIN && start < end && !input.failed) {
      list.appendAlone(this.element.set(buf, start, end));
      return false;
    }
    if (input.failed || container !== NODE_LISTPACK || !validate(buf, data, start, end, true)) {
      input.fail();
      return false;
    }
    cursor.open(buf, data, start, end);
    return true;
  }

  /** Puts the listpack that is open behind the others. */
  private takeNode(list: Quicklist): void {
    const { cursor, element } = this;
    const { buf, start, end } = this.text;
    const { count } = cursor;
    if (fitsListpack(list.fill, end - start, count)) return list.appendListpack(buf, start, end, count);
    // Made under other limits.
    while (cursor.next()) list.push(cursor.load(element), false);
  }
}

class LoadedList implements LoadedValue {
  private readonly db: Database;
  private readonly list: Quicklist;

  constructor(db: Database, list: Quicklist) {
    this.db = db;
    this.list = list;
  }

  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    const { db, list } = this;
    const only = list.onlyListpack;
    if (only === undefined || !fitsListpack(list.fill, only.byteLength, list.length)) {
      return db.putObject(TYPE_LIST, ENCODING_QUICKLIST, kbuf, ks, ke, list, expireAtMs);
    }
    const { buf, start, end } = only;
    try {
      return db.putTyped(TYPE_LIST, ENCODING_LISTPACK, kbuf, ks, ke, buf, start, end, expireAtMs);
    } finally {
      list.release();
    }
  }

  discard(): void {
    this.list.release();
  }
}
