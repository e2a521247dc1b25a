/** A byte stream to one client, as the connection sees it. */
export interface Stream {
  readonly fd: number;
  readonly peerAddress: string;
  readonly localAddress: string;
  /** Peer on this machine: loopback or Unix socket. */
  readonly local: boolean;
  /** Starts to read; bytes and the end go to `events`. */
  start(events: StreamEvents): void;
  /**
   * Writes buf[from, to). True: all of it is with the kernel and the memory is the caller's again. False: the stream
   * needs the memory until {@link StreamEvents.onDrained}; only then may it write again.
   */
  write(buf: Buffer, from: number, to: number): boolean;
  /** Whether small writes leave at once. */
  setNoDelay(on: boolean): void;
  pauseReading(): void;
  resumeReading(): void;
  /** Ends the connection. Nothing is reported afterwards. */
  close(): void;
}

export interface StreamEvents {
  /** buf[0, length) was received. The memory is reused for the next read of any stream. */
  onData(buf: Uint8Array, length: number): void;
  /** The write that did not fit has left. */
  onDrained(): void;
  /** The peer ended the connection, or it broke. */
  onClosed(reason: string): void;
}
