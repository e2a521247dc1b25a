/** The text form of a spec: parsed into cases and steps, written back with what a run has found. See ../README.md. */

export interface Step {
  /** The line as it stands in the file: options, `>` (send) or `<` (await one more reply), request. */
  readonly head: string;
  readonly action: 'send' | 'await';
  /** `a`, `b` ...: the node, in specs of several nodes. */
  readonly node: string;
  readonly connection: number;
  /** `raw` `bytewise` `until` and the names of views. */
  readonly options: ReadonlySet<string>;
  readonly request: string;
  /** The expected replies in the notation of notation.ts and pattern.ts. */
  readonly expected: string;
}

export type SpecLine =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'step'; readonly step: Step };

export interface SpecCase {
  readonly title: string;
  /** The first Redis version that behaves so: older real servers are not asked. */
  readonly since: string | undefined;
  /** Why our server does not do this (yet). Only the real one is asked then. */
  readonly later: string | undefined;
  readonly lines: readonly SpecLine[];
  /** What the databases hold after the last step, as state.ts writes it. */
  readonly state: readonly string[];
}

export interface SpecFile {
  /** Which server the cases need: see topology.ts. */
  readonly server: string;
  /** Requests sent before each case. */
  readonly before: readonly string[];
  readonly preamble: readonly string[];
  readonly cases: readonly SpecCase[];
}

const STEP_HEAD = /^((?:[a-z0-9-]+ )*[a-z0-9-]*)(> |<$)(.*)$/;

export function parseSpecFile(text: string, path: string): SpecFile {
  const blocks = text.split(/^(?=== )/m);
  const preamble = blocks[0]?.startsWith('== ') ? [] : trimBlanks((blocks.shift() ?? '').split('\n'));
  return {
    server: directives(preamble, '@server')[0] ?? 'default',
    before: directives(preamble, '@before'),
    preamble,
    cases: blocks.map((block) => parseCase(block.split('\n'), path)),
  };
}

function directives(lines: readonly string[], name: string): string[] {
  return lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
}

function parseCase(lines: readonly string[], path: string): SpecCase {
  const title = (lines[0] as string).slice(3);
  const parsed: SpecLine[] = [];
  const state: string[] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string;
    if (line === 'state') {
      while (lines[i + 1]?.startsWith('  ')) state.push((lines[++i] as string).trim());
      continue;
    }
    const head = STEP_HEAD.exec(line);
    if (head === null) {
      if (line !== '' && !/^[#@]/.test(line)) throw new Error(`${path}: "${title}": what is this line? ${line}`);
      parsed.push({ kind: 'text', text: line });
      continue;
    }
    const expected: string[] = [];
    for (let next = lines[i + 1]; next !== undefined && isReplyLine(next); next = lines[i + 1]) {
      expected.push(next);
      i++;
    }
    parsed.push({ kind: 'step', step: parseStep(head, expected.join('\n')) });
  }
  while (isBlank(parsed.at(-1))) parsed.pop();
  const remarks = parsed.flatMap((line) => (line.kind === 'text' ? [line.text] : []));
  const [since] = directives(remarks, '@since');
  const [later] = directives(remarks, '@later');
  return { title, since, later, lines: parsed, state };
}

function isReplyLine(line: string): boolean {
  return line !== '' && line !== 'state' && !/^[#@]/.test(line) && !STEP_HEAD.test(line);
}

function isBlank(line: SpecLine | undefined): boolean {
  return line?.kind === 'text' && line.text === '';
}

function parseStep(head: RegExpExecArray, expected: string): Step {
  const options = new Set((head[1] as string).split(' ').filter((word) => word !== ''));
  let node = 'a';
  let connection = 1;
  for (const word of options) {
    const address = /^([a-d]?)(\d*)$/.exec(word);
    if (address === null) continue;
    options.delete(word);
    node = address[1] || 'a';
    connection = Number(address[2] || 1);
  }
  const action = head[2] === '<' ? 'await' : 'send';
  return { head: head[0], action, node, connection, options, request: head[3] as string, expected };
}

export function renderSpecFile(file: SpecFile): string {
  const blocks = file.cases.map(renderCase);
  if (file.preamble.length > 0) blocks.unshift(`${file.preamble.join('\n')}\n`);
  return blocks.join('\n');
}

export function renderCase(spec: SpecCase): string {
  const out = [`== ${spec.title}`];
  for (const line of spec.lines) {
    if (line.kind === 'text') {
      out.push(line.text);
    } else {
      out.push(line.step.head);
      if (line.step.expected !== '') out.push(line.step.expected);
    }
  }
  if (spec.state.length > 0) out.push('state', ...spec.state.map((entry) => `  ${entry}`));
  return `${out.join('\n')}\n`;
}

function trimBlanks(lines: string[]): string[] {
  while (lines.at(-1) === '') lines.pop();
  return lines;
}
