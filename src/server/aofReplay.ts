/** Replays an append-only file: its commands run as those of a client that is let through every gate. */
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import { Session, type Transport } from '../exec/session.js';
import { AofLoader, type LoadSnapshot } from '../persistence/io/aofLoader.js';
import type { FileSystem } from '../persistence/io/fileSystem.js';
import { ArgVector } from '../resp/argVector.js';

/** A client that nobody listens to: the one that replays data files. */
export const NOWHERE: Transport = {
  peerAddress: '',
  localAddress: '',
  fd: -1,
  queryBufferBytes: () => 0,
  queryBufferFreeBytes: () => 0,
  memoryBytes: () => 0,
  outputBytes: () => 0,
  outputChunks: () => 0,
  send() {},
  closeAfterReply() {},
  destroy() {},
  resume() {},
  sendFrom() {},
  pump() {},
  setNoDelay() {},
};

export function replayLoader(
  executor: Executor,
  config: Config,
  files: FileSystem,
  loadSnapshot: LoadSnapshot,
): AofLoader {
  const { server } = executor;
  return new AofLoader({
    files,
    clock: server.clock,
    log: (level, text) => server.log(level, text),
    loadTruncated: config.values['aof-load-truncated'],
    apply: replayer(executor),
    loadSnapshot,
    yieldNow: () => new Promise((resolve) => setImmediate(resolve)),
    bulkBytesMax: config.values['proto-max-bulk-len'],
  });
}

function replayer(
  executor: Executor,
): (buf: Uint8Array, start: Int32Array, end: Int32Array, argc: number) => string | undefined {
  const args = new ArgVector();
  const session = new Session(0, NOWHERE, {
    nowMs: executor.server.clock.nowMs(),
    databases: executor.server.store.databases.length,
    authenticated: true,
  });
  return (buf, start, end, argc) => {
    args.buf = buf;
    args.start = start;
    args.end = end;
    args.argc = argc;
    return executor.replay(session, args);
  };
}
