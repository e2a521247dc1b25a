/** trib as a process: its streams, its signals, its exit code. */
import { runTrib } from './cli.js';

const INTERRUPTED = 130;
const USUAL_WORDS = ['No key is lost: run the same command again, or trib fix where slots were on the move.'];

/** Runs trib with these arguments; sets the exit code. */
export async function runProcess(argv: readonly string[]): Promise<void> {
  // Where ps shows the title in place of the arguments, a password given with -a is not seen any longer.
  process.title = ['trib', ...argv.slice(0, 1)].join(' ');
  const handlers = new Set<() => void>();
  const takeInterrupts = (handler: () => void): (() => void) => {
    handlers.add(handler);
    return () => handlers.delete(handler);
  };
  let words: (() => readonly string[]) | undefined;
  process.on('SIGINT', () => {
    if (handlers.size > 0) return handlers.forEach((handler) => void handler());
    process.stderr.write(`\nInterrupted. ${(words?.() ?? USUAL_WORDS).join('\n')}\n`);
    process.exit(INTERRUPTED);
  });
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => {
      if (handlers.size > 0) return handlers.forEach((handler) => void handler());
      process.exit(128 + number);
    });
  }
  // The reader of our output may leave early (`trib call ... | head`); that is its right.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    // What has been started is to be ended in order.
    if (handlers.size > 0) return handlers.forEach((handler) => void handler());
    process.exit(1);
  });
  process.exitCode = await runTrib(argv, {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isTty: process.stdout.isTTY === true,
    takeInterrupts,
    explainInterrupt: (given) => {
      words = given;
    },
  });
  // A pipe that nobody closes on the other side must not keep the process.
  process.stdin.unref?.();
}
