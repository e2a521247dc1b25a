/** What commands see of persistence. */
import type { PersistencePort } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { Aof } from './aof.js';
import { aofFields } from './aofInfo.js';
import type { Rdb } from './rdb.js';

interface PersistentServer {
  readonly aof: Aof;
  readonly rdb: Rdb;
  readonly executor: Executor;
  readonly config: Config;
  reloadAof(): Promise<void>;
}

export function persistencePort(server: PersistentServer): PersistencePort {
  return {
    get aofEnabled() {
      return server.aof.enabled;
    },
    whyAofIsNotLoadable: () => server.aof.whyNotLoadable(),
    rewriteAof: () => server.aof.rewriteInBackground(),
    get rewritingAof() {
      return server.aof.rewriter.isRunning;
    },
    get loading() {
      return server.executor.loading;
    },
    get loadingAside() {
      return server.executor.loadingAside;
    },
    reloadAof: () => server.reloadAof(),
    get lastSaveMs() {
      return server.rdb.lastSaveMs;
    },
    get saving() {
      return server.rdb.saving;
    },
    saveRdb: () => server.rdb.save(),
    saveRdbInBackground: (mayWait) => server.rdb.beginSave(mayWait),
    saveAfterFlush: () => server.rdb.saveAfterFlush(),
    reloadRdb: (options) => server.rdb.reload(options),
    get aofBufferBytes() {
      return server.aof.writer?.stats().bufferLengthBytes ?? 0;
    },
    infoFields: () => [...server.rdb.infoFields(), ...aofFields(server.aof, server.config)],
  };
}
