/** `trib down`, `kill`, `restart` and `status`: from any shell, whoever started the nodes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../commands/context.js';
import { plural } from '../node-state.js';
import { findDaemon, type LocalCluster } from './local-cluster.js';
import { untilGone } from './process-record.js';
import { Surveyor } from './survey.js';
import { clusterJson, clusterTable, stateOf } from './table.js';
import { DOWN, RESTART } from './watch.js';
import { runningWatcher } from './watcher.js';

const WATCHER_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 25;
const TAIL_LINES = 8;

export async function down({ terminal, connector }: CommandContext, cluster: LocalCluster): Promise<number> {
  const { dir, daemons } = cluster;
  await new Surveyor(daemons, connector).look();
  const watcher = runningWatcher(dir);
  const ended = await Promise.all(daemons.map((daemon) => daemon.stop(DOWN)));
  const count = ended.filter(Boolean).length;
  // It sees that no node is left; when it is gone the cluster can be started again.
  if (watcher !== undefined && watcher.pid !== process.pid) await untilGone(watcher, WATCHER_TIMEOUT_MS);
  terminal.report({ ended: daemons.filter((_, i) => ended[i]).map(({ name }) => name) });
  terminal.print(count === 0 ? 'No node was running.' : `Ended ${plural(count, 'node')}. The data stays in ${dir}.`);
  return 0;
}

export async function status({ terminal, connector }: CommandContext, cluster: LocalCluster): Promise<number> {
  const nodes = await new Surveyor(cluster.daemons, connector).look();
  const watcher = runningWatcher(cluster.dir)?.pid;
  const state = stateOf(nodes);
  terminal.report({ ...clusterJson(cluster.dir, watcher, nodes) });
  const running = nodes.filter(({ pid }) => pid !== undefined).length;
  const watched = watcher === undefined ? '' : `, watched by trib up (pid ${watcher})`;
  terminal.print(
    ...clusterTable(nodes),
    '',
    `${running} of ${nodes.length} nodes run${watched}. Data and logs: ${cluster.dir}/<port>/`,
  );
  if (state === 'ok') terminal.print('[OK] cluster_state:ok on every node.');
  else if (state === 'down') terminal.print('[ERR] The cluster does not run: trib up starts it.');
  else terminal.print('[ERR] Not every node runs and sees the cluster as ok.');
  return state === 'ok' ? 0 : 1;
}

export async function kill(
  { terminal, connector }: CommandContext,
  cluster: LocalCluster,
  node: string,
): Promise<number> {
  const daemon = findDaemon(cluster, node);
  await new Surveyor([daemon], connector).look();
  const pid = daemon.running?.pid;
  if (!(await daemon.kill('trib kill'))) {
    terminal.print(`[ERR] ${daemon.name} does not run.`);
    return 1;
  }
  terminal.report({ node: daemon.name, pid });
  terminal.print(`Killed ${daemon.name} (pid ${pid}), as a crash would. To have it back: trib restart ${node}`);
  return 0;
}

export async function restart(
  { terminal, connector }: CommandContext,
  cluster: LocalCluster,
  node: string,
): Promise<number> {
  const daemon = findDaemon(cluster, node);
  const surveyor = new Surveyor([daemon], connector);
  await surveyor.look();
  const ended = await daemon.stop(RESTART);
  const kept = daemon.start(Date.now());
  if (kept) terminal.print(`[WARNING] ${daemon.place.dir}/redis.conf is as CONFIG REWRITE left it.`);
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const [status] = await surveyor.look();
    if (status?.answer !== undefined) {
      terminal.report({ node: daemon.name, pid: status.pid });
      terminal.print(`${ended ? 'Restarted' : 'Started'} ${daemon.name} (pid ${status.pid}).`);
      return 0;
    }
    const late = Date.now() > deadlineMs;
    if (status?.pid === undefined || late) {
      const what = late ? `does not answer: ${status?.trouble}` : 'ended at once';
      terminal.print(`[ERR] ${daemon.name} ${what}. Its log (${daemon.place.logFile}) ends with:`);
      terminal.print(...daemon.logTail(TAIL_LINES).map((line) => `  ${line}`));
      return 1;
    }
    await sleep(POLL_MS);
  }
}
