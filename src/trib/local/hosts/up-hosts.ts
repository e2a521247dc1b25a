/** `trib up --hosts`: a node on each of several hosts, over the user's own ssh, and one cluster of them. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from '../../commands/check.js';
import type { CommandContext } from '../../commands/context.js';
import { create } from '../../commands/create.js';
import { askConsent, type ChangeOptions } from '../../consent.js';
import { NodeClient } from '../../node-client.js';
import { metIds, readNodeState } from '../../node-state.js';
import type { Plan } from '../../plan.js';
import { countSlots, formatRanges } from '../../slots.js';
import { type Candidate, isUnfinished } from '../../steps.js';
import { defaultReplicas } from '../shape.js';
import { hostScript, shellQuoted } from './host-script.js';
import { type HostNode, parseHosts, planHosts, saysRoles } from './hosts-file.js';

export interface HostsOptions extends ChangeOptions {
  /** The file that names the hosts. */
  readonly hosts: string;
  readonly replicas: number | undefined;
  /** On the hosts. */
  readonly dir: string;
  readonly server: string;
  readonly systemd: boolean;
  /** Show what would be run, and run nothing. */
  readonly print: boolean;
  /** Lines of redis.conf for every node, without passwords. */
  readonly lines: string;
  readonly password: string | undefined;
}

const JOIN_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 200;

export async function upHosts(context: CommandContext, options: HostsOptions): Promise<number> {
  const { terminal } = context;
  const hosts = parseHosts(readFileSync(options.hosts, 'utf8'));
  const plan = isNodes(hosts) ? planFor(hosts, options) : hosts;
  if (!isNodes(hosts) || Array.isArray(plan)) {
    terminal.print(...(plan as string[]), 'Nothing was done.');
    return 1;
  }
  if (options.print) {
    terminal.print(...printed(hosts, plan, options));
    return 0;
  }
  terminal.print(...planLines(plan, options));
  if (options.password === undefined) {
    terminal.print('[WARNING] There is no password: whoever reaches a port can use it. Set SHOAL_AUTH to have one.');
  }
  const consent = await askConsent(terminal, "Can I set this up? (type 'yes' to accept): ", options);
  if (consent === 'refused') terminal.print('Nothing was done.');
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  for (const node of hosts) {
    terminal.print(`>>> Node ${node.name}: ssh ${node.host} sh -s`);
    const { code, output } = await ssh(
      node.host,
      hostScript({ ...setupOf(node, options), password: options.password }),
    );
    terminal.print(...output.map((line) => `    ${line}`));
    if (code === 0) continue;
    terminal.print(
      `[ERR] Node ${node.name} could not be set up: ssh ended with exit code ${code}. Nothing was joined.`,
      '      Mend the cause and run the same command again: it goes on from here.',
    );
    return 1;
  }
  await untilAllAnswer(context, hosts);
  if (await areCluster(context, hosts, options)) {
    terminal.print('>>> The nodes are a cluster already: it is left as it is');
    return await check(context, hosts[0].address, { searchMultipleOwners: false, map: false });
  }
  const addresses = hosts.map(({ address }) => address);
  return await create(context, addresses, {
    replicas: saysRoles(hosts) ? 0 : replicasOf(options, hosts),
    yes: true,
    dryRun: false,
    joinTimeoutMs: JOIN_TIMEOUT_MS,
    plan: (nodes) => planOf(nodes, hosts, options),
  });
}

/** The plan for the nodes that stand for the hosts; that there is one has been seen before anything was done. */
function planOf<N extends Candidate>(nodes: readonly N[], hosts: readonly HostNode[], options: HostsOptions): Plan<N> {
  const plan = planHosts(hosts, nodes, replicasOf(options, hosts));
  if (Array.isArray(plan)) throw new Error(plan.join('\n'));
  return plan;
}

/** Whether an earlier run has made the cluster, which has become what it is now: it may hold keys and have changed roles. */
async function areCluster(
  { connector }: CommandContext,
  hosts: readonly HostNode[],
  options: HostsOptions,
): Promise<boolean> {
  const nodes: Candidate[] = [];
  for (const { address } of hosts) {
    const client = await connector.connect(address);
    const state = client instanceof NodeClient ? await readNodeState(client) : [];
    if (Array.isArray(state)) return false;
    const keyCount = [...state.keysByDb.values()].reduce((sum, keys) => sum + keys, 0);
    nodes.push({ host: state.client.ip, port: state.client.port, keyCount, view: state.view });
  }
  const ids = nodes.map(({ view }) => view.myself.id);
  const met = nodes.every(({ view }) => ids.every((id) => metIds(view).has(id)));
  return met && !isUnfinished(planOf(nodes, hosts, options), nodes);
}

function isNodes(hosts: readonly HostNode[] | readonly string[]): hosts is HostNode[] {
  return hosts.every((host) => typeof host !== 'string');
}

function planFor(hosts: readonly HostNode[], options: HostsOptions): Plan<HostNode> | string[] {
  if (saysRoles(hosts) && options.replicas !== undefined) {
    return [`[ERR] ${options.hosts} says which nodes are replicas: leave --replicas out.`];
  }
  if (!path.posix.isAbsolute(options.dir)) {
    return [`[ERR] --dir ${options.dir}: on other hosts the folder must be named from the root, like /var/lib/shoal.`];
  }
  if (/[\r\n]/.test(options.password ?? '')) return ['[ERR] The password must not have line breaks.'];
  return planHosts(hosts, hosts, replicasOf(options, hosts));
}

function replicasOf({ replicas }: HostsOptions, hosts: readonly HostNode[]): number {
  return replicas ?? defaultReplicas(hosts.length);
}

function setupOf({ name, port }: HostNode, { dir, server, systemd, lines, password }: HostsOptions) {
  return { name, port, dir, server, systemd, lines, hasPassword: password !== undefined };
}

function planLines(plan: Plan<HostNode>, { systemd, server, dir }: HostsOptions): string[] {
  const how = systemd ? 'a systemd unit' : 'a daemon';
  return [
    `>>> Each node: redis.conf and data in ${dir}/<port>, ${how} that runs ${server}, started over ssh`,
    ...plan.masters.map(
      ({ node, range }) => `M: ${node.name}  slots:${formatRanges([range])} (${countSlots([range])} slots)`,
    ),
    ...plan.replicas.map(({ node, master }) => `S: ${node.name}  replicates ${master.name}`),
    ...(plan.replicasOnMasterHost > 0 ? ['[WARNING] Some replicas are on the host of their master.'] : []),
  ];
}

/** All of it as text that is a shell script itself: whoever runs it by hand copies it part by part. */
function printed(hosts: readonly HostNode[], plan: Plan<HostNode>, options: HostsOptions): string[] {
  const scripts = hosts.flatMap((node) => [
    '',
    `# ------------------------------ on ${node.host}: ssh ${node.host} sh -s`,
    hostScript({ ...setupOf(node, options), password: undefined }).trimEnd(),
  ]);
  return [
    ...planLines(plan, options).map((line) => `# ${line}`),
    ...scripts,
    '',
    '# ------------------------------ then, where all nodes and their ports can be reached',
    ...joinCommands(hosts, plan, options),
  ];
}

function joinCommands(hosts: readonly HostNode[], plan: Plan<HostNode>, options: HostsOptions): string[] {
  const masters = hosts.filter(({ replicaOf }) => replicaOf === undefined).map(({ name }) => shellQuoted(name));
  // Both trib and redis-cli find the password there.
  const password = options.password === undefined ? [] : ['export REDISCLI_AUTH="$SHOAL_AUTH"'];
  if (!saysRoles(hosts)) {
    return [...password, `trib create --replicas ${replicasOf(options, hosts)} ${masters.join(' ')}`];
  }
  const additions = plan.replicas.map(({ node, master }) => {
    const id = `"$(redis-cli -h ${master.host} -p ${master.port} cluster myid)"`;
    return `trib add-node --slave --master-id ${id} ${shellQuoted(node.name)} ${shellQuoted(master.name)}`;
  });
  return [...password, `trib create ${masters.join(' ')}`, ...additions];
}

/** The script goes through standard input: arguments are for everybody to see, here and there. */
function ssh(host: string, script: string): Promise<{ code: number; output: string[] }> {
  return new Promise((resolve) => {
    const child = spawn('ssh', [host, 'sh', '-s'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const end = (code: number): void => {
      resolve({ code, output: output.trimEnd() === '' ? [] : output.trimEnd().split('\n') });
    };
    child.once('error', (error) => {
      output += `${error.message}\n`;
      end(127);
    });
    child.once('close', (code) => end(code ?? 1));
    // It may end without having read all of it; then its exit code tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(script);
  });
}

/** Waits for nodes that are only starting. What else keeps a node from answering, `create` explains. */
async function untilAllAnswer({ connector }: CommandContext, hosts: readonly HostNode[]): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  await Promise.all(
    hosts.map(async ({ address }) => {
      for (;;) {
        const outcome = await connector.connect(address);
        if (outcome instanceof NodeClient || Date.now() > deadlineMs) return;
        if (outcome.kind !== 'refused' && outcome.kind !== 'loading') return;
        await sleep(POLL_MS);
      }
    }),
  );
}
