/**
 * Node's own stream handles, below net.Socket.
 *
 * A socket of `node:net` costs a Writable state machine, a request object and several callbacks a write; the handle under
 * it writes straight into the kernel and says at once whether everything fitted. Node has no public way to it, so this file is the
 * only one that reaches for it, checks that all it needs is there, and answers undefined where it is not: then the server runs
 * on plain sockets (socketStream.ts), slower but the same.
 */

/** Values that Node leaves behind after a read or write call, by the indexes below. */
export interface RawApi {
  readonly state: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
  newWriteRequest(): WriteRequest;
}

export interface WriteRequest {
  /** Keeps the memory of a write that is under way alive. */
  buffer?: Uint8Array;
  oncomplete: (status: number) => void;
}

/** The part of a TCP or pipe handle that we use. */
export interface RawHandle {
  readonly fd: number;
  onread: (this: RawHandle) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** 0, or a negative errno; whether it went at once is in {@link RawApi.state}. */
  writeBuffer(request: WriteRequest, buffer: Uint8Array): number;
  close(done?: () => void): void;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, seconds: number): number;
  getpeername?(out: RawAddress): number;
  getsockname?(out: RawAddress): number;
}

export interface RawAddress {
  address?: string;
  port?: number;
}

interface StreamBinding {
  readonly WriteWrap?: new () => WriteRequest;
  readonly streamBaseState?: Int32Array;
  readonly kReadBytesOrError?: number;
  readonly kLastWriteWasAsync?: number;
}

/** The raw API of this Node, or undefined when it is not what we know. */
export function loadRawApi(): RawApi | undefined {
  try {
    const { binding } = process as unknown as { binding?: (name: string) => StreamBinding };
    const found = binding?.('stream_wrap');
    if (found === undefined) return undefined;
    const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = found;
    if (typeof WriteWrap !== 'function' || !ArrayBuffer.isView(streamBaseState)) return undefined;
    if (typeof kReadBytesOrError !== 'number' || typeof kLastWriteWasAsync !== 'number') return undefined;
    return {
      state: streamBaseState,
      kReadBytesOrError,
      kLastWriteWasAsync,
      newWriteRequest: () => new WriteWrap(),
    };
  } catch {
    return undefined;
  }
}

/** Whether a handle has the methods of {@link RawHandle}. */
export function isRawHandle(handle: unknown): handle is RawHandle {
  const candidate = handle as Partial<RawHandle> | null;
  return (
    candidate !== null &&
    typeof candidate === 'object' &&
    typeof candidate.useUserBuffer === 'function' &&
    typeof candidate.readStart === 'function' &&
    typeof candidate.writeBuffer === 'function' &&
    typeof candidate.close === 'function'
  );
}
