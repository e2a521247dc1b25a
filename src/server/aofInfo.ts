/** What INFO persistence tells of the append-only file. */
import type { Config } from '../config/config.js';
import type { AofLoadProgress } from '../persistence/io/aofLoader.js';
import type { Aof } from './aof.js';

type InfoField = readonly [string, string | number];

export function aofFields(aof: Aof, { values }: Config): readonly InfoField[] {
  const { rewriter } = aof;
  const stats = aof.writer?.stats();
  const fields: InfoField[] = [
    ['aof_rewrite_in_progress', rewriter.isRunning ? 1 : 0],
    ['aof_rewrite_scheduled', rewriter.scheduled ? 1 : 0],
    ['aof_last_rewrite_time_sec', rewriter.lastSeconds],
    ['aof_current_rewrite_time_sec', rewriter.currentSeconds],
    ['aof_last_bgrewrite_status', rewriter.isWell ? 'ok' : 'err'],
    ['aof_rewrites', rewriter.rewrites],
    ['aof_rewrites_consecutive_failures', rewriter.consecutiveFailures],
    ['aof_last_write_status', stats?.lastWriteStatus ?? 'ok'],
  ];
  if (values.appendonly) {
    fields.push(
      ['aof_current_size', stats?.currentSizeBytes ?? 0],
      ['aof_base_size', stats?.baseSizeBytes ?? 0],
      ['aof_pending_rewrite', rewriter.scheduled ? 1 : 0],
      ['aof_buffer_length', stats?.bufferLengthBytes ?? 0],
      ['aof_pending_bio_fsync', stats?.pendingBackgroundSyncs ?? 0],
      ['aof_delayed_fsync', stats?.delayedSyncs ?? 0],
    );
  }
  const progress = aof.loader?.progress();
  return progress === undefined ? fields : [...fields, ...loadingFields(progress)];
}

function loadingFields(progress: AofLoadProgress): readonly InfoField[] {
  return [
    ['loading_start_time', Math.floor(progress.startTimeMs / 1000)],
    ['loading_total_bytes', progress.totalBytes],
    ['loading_rdb_used_mem', progress.usedMemoryBytes],
    ['loading_loaded_bytes', progress.loadedBytes],
    ['loading_loaded_perc', progress.loadedPercent.toFixed(2)],
    ['loading_eta_seconds', progress.etaSeconds],
  ];
}
