/** The completion scripts in the shells that they are for. */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinNodes, startNodes, stopNodes } from './clusters.js';
import { onPath, SHOAL, skipAloud, type TestNode, trib } from './nodes.js';

const BIN = fileURLToPath(new URL('../../bin/trib', import.meta.url));

/** Types a line and TAB, waits, types Enter, and prints with which arguments trib was run. */
const ZSH_TYPIST = `
zmodload zsh/zpty
zpty typed "zsh -f -i"
zpty -w typed 'source ./rc; print "REA""DY"'
zpty -r -m typed ready '*READY*'
zpty -w -n typed "$1"$'\\t'
sleep "$2"
zpty -w -n typed $'\\r'
zpty -r -m typed seen '*@END@*'
print -r -- "$seen"
zpty -d typed
`;
const ZSH_RC = `
PS1= PS2= RPS1=
unset zle_bracketed_paste
autoload -U compinit
compinit -u -D
source ./script
function trib { if [[ $1 == complete-nodes ]]; then command trib "$@"; else print -r -- "@RUN@$*@END@"; fi }
`;

const shells: Record<string, (line: string) => Promise<string[]>> = {
  bash: async (line) => {
    const typed = `source ./script; COMP_LINE='${line}' COMP_POINT=${line.length} _trib; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await run('bash', ['-c', typed])).split('\n').filter(Boolean);
  },
  zsh: async (line) => {
    const seen = await run('zsh', ['-f', './typist', line, line.includes(':') || line.endsWith(' ') ? '3' : '0.5']);
    return [/@RUN@(.*?)@END@/.exec(seen)?.[1].trim().split(' ').at(-1) ?? ''];
  },
  fish: async (line) => {
    const out = await run('fish', ['--no-config', '-c', `source ./script; complete -C '${line}'`]);
    return out
      .split('\n')
      .filter(Boolean)
      .map((row) => row.split('\t')[0]);
  },
};

let folder = '';

async function run(shell: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, HOME: folder, TERM: 'dumb' };
  return (await promisify(execFile)(shell, args, { cwd: folder, env, timeout: 30_000 })).stdout;
}

describe.each(Object.keys(shells))('completion in %s', (shell) => {
  const missing = onPath(shell) ? undefined : `there is no ${shell} on PATH`;
  skipAloud(`completion in ${shell}`, missing);
  const complete = shells[shell];
  let nodes: TestNode[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'trib-completion-'));
    writeFileSync(join(folder, 'script'), (await trib(`completion ${shell}`)).out);
    writeFileSync(join(folder, 'typist'), ZSH_TYPIST);
    writeFileSync(join(folder, 'rc'), ZSH_RC);
    writeFileSync(join(folder, 'trib'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
    chmodSync(join(folder, 'trib'), 0o755);
    if (missing !== undefined) return;
    nodes = await startNodes({ name: 'shoal', kinds: [SHOAL] }, 3);
    await joinNodes(nodes);
  });
  afterAll(async () => {
    await stopNodes(nodes);
    rmSync(folder, { recursive: true, force: true });
  });

  it.skipIf(missing)('reads the script', () => {
    const read = spawnSync(shell, ['-n', 'script'], { cwd: folder, encoding: 'utf8' });
    expect({ status: read.status, stderr: read.stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.skipIf(missing)('completes commands, options and what to have help for', async () => {
    expect(await complete('trib resh')).toEqual(['reshard']);
    expect(await complete('trib reshard --slo')).toEqual(['--slots']);
    expect(await complete('trib rebalance --use-')).toEqual(['--use-empty-masters']);
    expect(await complete('trib help fai')).toEqual(['failover']);
  });

  it.skipIf(missing)('completes the nodes of the cluster on the line, and of the one that trib up runs', async () => {
    const [{ address, port }, other] = nodes;
    // All but the last digit, where that names one node only.
    const start = other.address.slice(0, -1);
    const isClear = nodes.filter((node) => node.address.startsWith(start)).length === 1;
    const [found] = await complete(`trib del-node ${address} ${isClear ? start : other.address}`);
    // bash replaces only what stands behind the colon.
    expect(shell === 'bash' ? `127.0.0.1:${found}` : found).toBe(other.address);
    const shape = { nodes: 1, replicas: 0, port };
    mkdirSync(join(folder, '.data'));
    writeFileSync(join(folder, '.data/cluster.json'), JSON.stringify(shape));
    const [local] = await complete('trib check 127.0');
    expect(local).toBe(address);
  });
});

describe('trib completion', () => {
  it('knows no other shell', async () => {
    expect((await trib('completion tcsh')).code).toBe(1);
  });

  it('offers nothing for nodes that do not answer', async () => {
    expect(await trib('complete-nodes 127.0.0.1:1')).toMatchObject({ code: 0, err: '' });
  });
});
