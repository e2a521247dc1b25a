/**
 * Empties sparsely filled pages of the arena by moving their entries, a little at a time, while everything goes on.
 *
 *   survey   counts the pages of each class by how full they are: how many could be done without?
 *   mark     the sparsest pages (of equal ones the last, so that whole segments run empty) take no new entries any more
 *   move     a walk through all databases, and the large collections on the way, moves the entries that lie in marked pages; a
 *            page goes back when it is empty
 *   restore  what could not be emptied (entries of a cleared database that waits to be freed) is used again
 *
 * The survey is old by the time it is used, which costs at most a page more or less: correctness rests on nothing but the
 * promise of {@link Database.scan} and on marked pages taking no new entries.
 */
import type { Database } from './database.js';
import type { Memory } from './memory.js';
import type { StoredObject } from './objects.js';
import { CLASS_BLOCKS, CLASS_COUNT, NO_CLASS } from './sizeClass.js';
import { type Ref, StoreFullError } from './types.js';

const IDLE = 0;
const SURVEY = 1;
const MARK = 2;
const MOVE = 3;
const RESTORE = 4;

/** Steps of fullness that the survey tells apart. */
const FILLS = 16;
const GRANULES_PER_UNIT = 16;

export class Defragmenter {
  /** Entries moved, and entries that were looked at and were well where they are. */
  hits = 0;
  misses = 0;
  /** For INFO, kept by whoever steps: the share of the time that a run under way gets, and the time that all runs took. */
  sharePercent = 0;
  activeUs = 0;

  private readonly memory: Memory;
  private readonly databases: readonly Database[];
  private phase = IDLE;
  private granule = 0;
  private database = 0;
  private cursor = 0;
  private marked = 0;
  /** Collections of the last bucket of keys whose elements have not all been looked at, and how far the last of them has been. */
  private readonly collections: StoredObject[] = [];
  private elementCursor = 0;
  /** All buckets of the database's keys have been looked at. */
  private walked = false;
  // Of each class: pages with room by fullness; then the pages to mark, by fullness, and the cut in the last of these.
  private readonly pages = new Int32Array(CLASS_COUNT * FILLS);
  private readonly toKeep = new Int32Array(CLASS_COUNT * FILLS);
  private readonly roomyBlocks = new Float64Array(CLASS_COUNT);

  constructor(memory: Memory, databases: readonly Database[]) {
    this.memory = memory;
    this.databases = databases;
  }

  /** Bytes that pages take beyond what is in use. */
  get wastedBytes(): number {
    return this.memory.arena.pageBytes - this.memory.arena.usedBytes;
  }

  /** The same in percent of what is in use. */
  get wastedPercent(): number {
    const { usedBytes } = this.memory.arena;
    return usedBytes === 0 ? 0 : (100 * this.wastedBytes) / usedBytes;
  }

  get isRunning(): boolean {
    return this.phase !== IDLE;
  }

  /** Does `units` of work (a bucket looked at, some 16 pages surveyed), beginning a run if none is under way. False: the run is over. */
  step(units: number): boolean {
    if (this.phase === IDLE) this.begin();
    for (let i = 0; i < units && this.phase !== IDLE; i++) {
      if (this.phase === MOVE) this.move();
      else this.overPages();
    }
    return this.phase !== IDLE;
  }

  /** Ends a run under way; what it marked is used again. */
  stop(): void {
    if (this.phase === MARK || this.phase === MOVE) this.enter(RESTORE);
    else if (this.phase === SURVEY) this.phase = IDLE;
    while (this.phase !== IDLE) this.overPages();
  }

  private begin(): void {
    this.pages.fill(0);
    this.roomyBlocks.fill(0);
    this.marked = 0;
    this.enter(SURVEY);
  }

  private enter(phase: number): void {
    this.phase = phase;
    this.granule = 0;
    this.database = 0;
    this.cursor = 0;
    this.collections.length = 0;
    this.elementCursor = 0;
    this.walked = false;
  }

  /** One unit of a phase that goes through the pages. */
  private overPages(): void {
    const { arena } = this.memory;
    const end = Math.min(this.granule + GRANULES_PER_UNIT, arena.granules);
    for (; this.granule < end; this.granule++) {
      const cls = arena.pageClass(this.granule);
      if (cls === NO_CLASS) continue;
      if (this.phase === RESTORE) arena.keep(this.granule);
      else this.overPage(this.granule, cls, arena.pageUsed(this.granule));
    }
    if (this.granule < arena.granules) return;
    if (this.phase === SURVEY) this.plan();
    else if (this.phase === MARK) this.enter(this.marked > 0 ? MOVE : IDLE);
    else this.enter(IDLE);
  }

  private overPage(page: number, cls: number, used: number): void {
    const blocks = CLASS_BLOCKS[cls];
    // Neither full pages nor the empty one that a class may keep.
    if (used === blocks || used === 0) return;
    const at = cls * FILLS + Math.floor((used * FILLS) / blocks);
    if (this.phase === SURVEY) {
      this.pages[at]++;
      this.roomyBlocks[cls] += used;
    } else if (this.toKeep[at] > 0) {
      this.toKeep[at]--;
    } else {
      this.memory.arena.evacuate(page);
      this.marked++;
    }
  }

  /** Decides how many pages of each fullness are kept: the fullest, as many as the entries need. */
  private plan(): void {
    for (let cls = 0; cls < CLASS_COUNT; cls++) {
      let needed = Math.ceil(this.roomyBlocks[cls] / CLASS_BLOCKS[cls]);
      for (let fill = FILLS - 1; fill >= 0; fill--) {
        const at = cls * FILLS + fill;
        this.toKeep[at] = Math.min(needed, this.pages[at]);
        needed -= this.toKeep[at];
      }
    }
    this.enter(MARK);
  }

  /** Looks at one bucket: of a collection that the last bucket of keys has, else the next bucket of keys. */
  private move(): void {
    const db = this.databases[this.database];
    try {
      if (this.collections.length > 0) this.moveElements();
      else {
        this.cursor = db.scan(this.cursor, (ref) => this.look(db, ref));
        this.walked = this.cursor === 0;
      }
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
      return this.enter(RESTORE);
    }
    if (!this.walked || this.collections.length > 0) return;
    this.walked = false;
    if (++this.database === this.databases.length) this.enter(RESTORE);
  }

  private moveElements(): void {
    const last = this.collections[this.collections.length - 1];
    this.elementCursor = last.relocate?.(this.elementCursor) ?? 0;
    if (this.elementCursor === 0) this.collections.pop();
  }

  private look(db: Database, ref: Ref): void {
    const object = db.object(ref);
    if (object?.relocate !== undefined) this.collections.push(object);
    if (db.leavePage(ref)) this.hits++;
    else this.misses++;
  }
}
