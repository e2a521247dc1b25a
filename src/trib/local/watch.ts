/** Watches the nodes of a local cluster and tells what happens to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Terminal } from '../terminal.js';
import { changesBetween } from './changes.js';
import type { Daemon } from './daemon.js';
import type { LocalCluster } from './local-cluster.js';
import type { NodeStatus, Surveyor } from './survey.js';

const LOOK_EVERY_MS = 500;
const TAIL_LINES = 8;
/** What ends nodes to start them again, see control.ts. */
export const RESTART = 'trib restart';
export const DOWN = 'trib down';

export class Watch {
  readonly #terminal: Terminal;
  readonly #daemons: readonly Daemon[];
  readonly #surveyor: Surveyor;
  #nodes: readonly NodeStatus[];
  #ended = false;

  constructor(terminal: Terminal, cluster: LocalCluster, surveyor: Surveyor, nodes: readonly NodeStatus[]) {
    this.#terminal = terminal;
    this.#daemons = cluster.daemons;
    this.#surveyor = surveyor;
    this.#nodes = nodes;
  }

  /** Nothing more is told. */
  end(): void {
    this.#ended = true;
  }

  /** Tells what happens until no node is left. The exit code is 0 when they were ended on purpose. */
  async untilAllEnded(): Promise<number> {
    for (;;) {
      await sleep(LOOK_EVERY_MS);
      const nodes = await this.#surveyor.look();
      // Until somebody ends the watch, the promise is nobody's; then the process ends with the nodes.
      if (this.#ended) return 0;
      for (const [i, daemon] of this.#daemons.entries()) {
        if (this.#nodes[i]?.pid !== undefined && nodes[i]?.pid === undefined) this.#tellEnd(daemon);
      }
      this.#terminal.print(...changesBetween(this.#nodes, nodes));
      this.#nodes = nodes;
      const reasons = this.#daemons.map(({ record }) => record?.endedBy);
      if (nodes.some(({ pid }) => pid !== undefined) || reasons.includes(RESTART)) continue;
      this.#terminal.print('No node is left.');
      return reasons.includes(DOWN) ? 0 : 1;
    }
  }

  #tellEnd(daemon: Daemon): void {
    const { name, record, ending, place } = daemon;
    const by = record?.endedBy;
    if (by !== undefined) return this.#terminal.print(`${name} was ended by ${by}.`);
    const { code = null, signal = null } = ending ?? {};
    let how = '';
    if (signal !== null) how = ` by ${signal}`;
    else if (code !== null) how = ` with exit code ${code}`;
    const tail = daemon.logTail(TAIL_LINES).map((line) => `  ${line}`);
    this.#terminal.print(`[ERR] The node ${name} ended${how}. Its log (${place.logFile}) ends with:`, ...tail);
    this.#terminal.print(`      Start it again: trib restart ${place.port}`);
  }
}
