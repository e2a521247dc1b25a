/** Runs one case: sends its steps, reads the replies, dumps the state, and tells it all in the form of the spec. */
import { formatOutcome } from '../../support/notation.js';
import { type Captures, matches, type Pattern, parsePatterns } from '../../support/pattern.js';
import { splitArgs, unescapeLine } from '../../support/quoting.js';
import { type Outcome, RawClient } from '../../support/rawclient.js';
import { encodeRequest, MalformedReply } from '../../support/resp.js';
import type { SpecCase, SpecLine, Step } from './specfile.js';
import { dumpState, sameStateLine } from './state.js';
import type { Topology } from './topology.js';
import { applyViews } from './views.js';

const REPLY_TIMEOUT_MS = 5000;
const UNTIL_TIMEOUT_MS = 5000;
/** While recording, a raw step without expectation is over when nothing has come for so long. */
const QUIET_MS = 80;

/**
 * The case as it went: where a reply or the state is what the spec expects, the spec's own words; else what came
 * instead. So a case has passed when the result equals the spec, and a recording is the result written down.
 */
export async function runCase(spec: SpecCase, topology: Topology, before: readonly string[]): Promise<SpecCase> {
  for (const node of topology.nodes.values()) await node.reset(before.map(splitArgs));
  const run = new CaseRun(topology);
  const lines: SpecLine[] = [];
  try {
    for (const line of spec.lines) {
      lines.push(line.kind === 'text' || run.stuck ? line : await run.step(line.step));
    }
    const state = await dumpAll(topology);
    lines.push(...run.unread());
    const same =
      state.length === spec.state.length && state.every((line, i) => sameStateLine(spec.state[i] as string, line));
    return { ...spec, lines, state: same ? spec.state : state };
  } finally {
    run.close();
    if (spec.lines.some((line) => line.kind === 'step' && /CONFIG SET/i.test(line.step.request))) {
      for (const node of topology.nodes.values()) if (node.server.alive()) await node.restoreConfig();
    }
  }
}

async function dumpAll(topology: Topology): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, node] of topology.nodes) {
    const state = await dumpState(await node.admin(), topology.databases);
    lines.push(...(name === 'a' ? state : state.map((line) => `${name} ${line}`)));
  }
  return lines;
}

class CaseRun {
  readonly #topology: Topology;
  readonly #connections = new Map<string, RawClient>();
  readonly #captures: Captures = new Map();
  readonly #nowMs = Date.now();
  /** Set once a reply did not come in time: what follows would only wait in vain. */
  stuck = false;

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  async step(step: Step): Promise<SpecLine> {
    const patterns = parsePatterns(this.#substitute(step.expected));
    let outcomes: Outcome[];
    let found: string;
    const deadline = Date.now() + UNTIL_TIMEOUT_MS;
    do {
      try {
        outcomes = await this.#exchange(step, patterns);
      } catch (error) {
        if (!(error instanceof MalformedReply)) throw error;
        found = `-"malformed reply: ${error.message}"`;
        this.stuck = true;
        break;
      }
      if (this.#asExpected(patterns, outcomes)) {
        found = step.expected;
        break;
      }
      found = this.#recordable(step, outcomes);
      this.stuck = outcomes.at(-1)?.type === 'timeout' || (step.options.has('until') && Date.now() > deadline);
      if (step.options.has('until')) await new Promise((resolve) => setTimeout(resolve, 5));
    } while (step.options.has('until') && !this.stuck);
    return { kind: 'step', step: { ...step, expected: found } };
  }

  /** Replies that no step has asked for: a line for each connection that has some. */
  unread(): SpecLine[] {
    const lines: SpecLine[] = [];
    for (const [name, client] of this.#connections) {
      const replies = client.takeUnread().map(formatOutcome);
      if (replies.length > 0) lines.push({ kind: 'text', text: `# unread on ${name}: ${replies.join(' ')}` });
    }
    return lines;
  }

  close(): void {
    for (const client of this.#connections.values()) client.close();
  }

  #asExpected(patterns: readonly Pattern[], outcomes: readonly Outcome[]): boolean {
    const awaited = patterns.filter((pattern) => pattern.kind !== 'none');
    if (patterns.length === 0 || awaited.length !== outcomes.length) return false;
    return awaited.every((pattern, i) => matches(pattern, outcomes[i] as Outcome, this.#captures));
  }

  async #exchange(step: Step, patterns: readonly Pattern[]): Promise<Outcome[]> {
    const client = await this.#connection(step);
    const request = this.#substitute(step.request);
    if (step.action === 'send') {
      const raw = step.options.has('raw');
      const bytes = raw ? Buffer.from(unescapeLine(request), 'latin1') : encodeRequest(splitArgs(request));
      if (step.options.has('bytewise')) await writeBytewise(client, bytes);
      else client.write(bytes);
      if (raw && patterns.length === 0) return readUntilQuiet(client);
    }
    const wanted = patterns.length === 0 ? 1 : patterns.filter((pattern) => pattern.kind !== 'none').length;
    const outcomes: Outcome[] = [];
    while (outcomes.length < wanted) {
      const outcome = await client.read(REPLY_TIMEOUT_MS);
      outcomes.push(applyViews(step.options, outcome));
      if (outcome.type === 'closed' || outcome.type === 'timeout') break;
    }
    return outcomes;
  }

  async #connection(step: Step): Promise<RawClient> {
    const name = `${step.node}${step.connection}`;
    const known = this.#connections.get(name);
    if (known !== undefined) return known;
    const node = this.#topology.nodes.get(step.node);
    if (node === undefined) throw new Error(`this spec has no node ${step.node}`);
    const client = await RawClient.connect(node.server.port);
    this.#connections.set(name, client);
    return client;
  }

  /** Puts values for {{name}}, {{now+100}} (seconds), {{nowms-5}} and {{text*1000}}. */
  #substitute(text: string): string {
    return text.replaceAll(/\{\{([^{}]+)\}\}/g, (whole, name: string) => {
      const time = /^now(ms)?([+-]\d+)?$/.exec(name);
      if (time !== null) {
        const base = time[1] === undefined ? Math.floor(this.#nowMs / 1000) : this.#nowMs;
        return String(base + Number(time[2] ?? 0));
      }
      const times = /^(.*)\*(\d+)$/.exec(name);
      if (times !== null) return (times[1] as string).repeat(Number(times[2]));
      const value = this.#captures.get(name) ?? this.#topology.variables.get(name);
      if (value === undefined) throw new Error(`the spec does not say what ${whole} is`);
      return value;
    });
  }

  /** Outcomes as text. What changes with each start of the servers is named, and times that run down are rounded. */
  #recordable(step: Step, outcomes: readonly Outcome[]): string {
    let named = outcomes.map(formatOutcome).join('\n') || '(none)';
    if (/^P?TTL /i.test(step.request)) {
      const unit = /^P/i.test(step.request) ? 1000 : 1;
      named = named.replace(/^:(\d+)$/, (_, left) => `:~${Math.ceil(Number(left) / unit) * unit}`);
    }
    for (const [name, value] of this.#topology.variables) {
      named = named.replaceAll(name.endsWith('.port') ? `:${value}` : value, (whole) =>
        whole.startsWith(':') ? `:{{${name}}}` : `{{${name}}}`,
      );
    }
    return named;
  }
}

async function writeBytewise(client: RawClient, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    client.write(Buffer.of(byte));
    // A turn of the event loop for each, so that the kernel gets them one by one.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function readUntilQuiet(client: RawClient): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (;;) {
    const outcome = await client.read(QUIET_MS);
    if (outcome.type === 'timeout') return outcomes;
    outcomes.push(outcome);
    if (outcome.type === 'closed') return outcomes;
  }
}
