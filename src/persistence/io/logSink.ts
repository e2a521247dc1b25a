export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';

/** Where log lines go. */
export type LogSink = (level: LogLevel, text: string) => void;

/** The outcome of a step at start without which the server must not serve. The reason has been logged already. */
export interface Refusal {
  readonly refused: string;
}

/** Logs why the server can not start, and gives it back as a result. */
export function refuse(log: LogSink, reason: string): Refusal {
  log('warning', reason);
  return { refused: reason };
}

export function isRefusal<T extends object>(result: T | Refusal): result is Refusal {
  return 'refused' in result;
}
