/**
 * MONITOR: clients that are sent every command that runs, but for administrative ones, in the form
 *
 *   +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
 */
import { latin1 } from '../base/bytes.js';
import { quoteArg } from '../base/splitArgs.js';
import { ADMIN, SKIP_MONITOR } from '../commands/command.js';
import type { ResolvedCommand } from '../commands/context.js';
import type { MonitorsPort } from '../commands/pushPorts.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Pushes } from './pushes.js';
import type { Session } from './session.js';

const REDACTED = '"(redacted)"';

export class Monitors implements MonitorsPort {
  readonly #sessions = new Set<Session>();
  readonly #pushes: Pushes;

  constructor(pushes: Pushes) {
    this.#pushes = pushes;
  }

  get active(): boolean {
    return this.#sessions.size > 0;
  }

  add(session: Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    this.#pushes.observers++;
    session.monitoring = true;
  }

  remove(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.#pushes.observers--;
    session.monitoring = false;
  }

  has(session: Session): boolean {
    return this.#sessions.has(session);
  }

  /** Shows a command that has run. `secret` are the arguments that nobody may see. */
  feed(session: Session, command: ResolvedCommand, args: ArgVector, secret: readonly number[], nowMs: number): void {
    if ((command.flags & (ADMIN | SKIP_MONITOR)) !== 0) return;
    const line = Buffer.from(describe(session, args, secret, nowMs), 'latin1');
    for (const monitor of this.#sessions) {
      if (monitor.replyMode !== 'off') this.#pushes.send(monitor, line);
    }
  }
}

function describe(
  { dbIndex, peerAddress }: Session,
  args: ArgVector,
  secret: readonly number[],
  nowMs: number,
): string {
  const seconds = Math.floor(nowMs / 1000);
  const microseconds = Math.floor((nowMs - seconds * 1000) * 1000);
  const isUnix = peerAddress.startsWith('/');
  const address = isUnix ? `unix:${peerAddress.slice(0, peerAddress.lastIndexOf(':'))}` : peerAddress;
  let line = `+${seconds}.${String(microseconds).padStart(6, '0')} [${dbIndex} ${address}]`;
  for (let i = 0; i < args.argc; i++) {
    line += secret.includes(i) ? ` ${REDACTED}` : ` ${quoteArg(latin1(args.buf, args.start[i], args.end[i]))}`;
  }
  return `${line}\r\n`;
}
