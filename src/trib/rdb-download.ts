/** Fetches a node's data set as an RDB file, the way a replica would. */
import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

const EOF_MARK_BYTES = 40;
/** A node that prepares its data says so with an empty line every few seconds. */
const SILENCE_MS = 60_000;

export interface DownloadSource {
  readonly ip: string;
  readonly port: number;
  /** The words behind AUTH; none without a password. */
  readonly auth: readonly string[];
  readonly tls: ConnectionOptions | undefined;
}

/**
 * Writes the node's RDB file to `path` and returns its size. The file has another name until it is whole and on disk, so a
 * file of this name is always a whole one.
 */
export async function downloadRdb(
  source: DownloadSource,
  path: string,
  onBytes: (total: number) => void,
): Promise<number> {
  const { ip: host, port, tls } = source;
  const socket = tls === undefined ? createConnection({ host, port }) : connectTls({ host, port, ...tls });
  socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error(`nothing came for ${SILENCE_MS / 1000} seconds`)));
  try {
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    const reader = new SocketReader(socket);
    await handshake(socket, reader, source.auth);
    return await save(reader, path, onBytes);
  } finally {
    socket.destroy();
  }
}

async function handshake(socket: Socket, reader: SocketReader, auth: readonly string[]): Promise<void> {
  if (auth.length > 0) {
    socket.write(encode(['AUTH', ...auth]));
    const reply = await reader.line();
    if (reply.startsWith('-')) throw new Error(reply.slice(1));
  }
  // Servers that do not know one of these answer with an error, and send what they can.
  for (const words of [
    ['REPLCONF', 'capa', 'eof'],
    ['REPLCONF', 'rdb-only', '1'],
  ]) {
    socket.write(encode(words));
    await reader.line();
  }
  socket.write(encode(['SYNC']));
}

async function save(reader: SocketReader, path: string, onBytes: (total: number) => void): Promise<number> {
  let header = '';
  while (header === '') header = await reader.line();
  if (!header.startsWith('$')) throw new Error(header.replace(/^-/, ''));
  const mark = header.startsWith('$EOF:') ? Buffer.from(header.slice(5)) : undefined;
  const length = mark === undefined ? Number(header.slice(1)) : Number.POSITIVE_INFINITY;
  if (Number.isNaN(length) || (mark !== undefined && mark.length !== EOF_MARK_BYTES)) {
    throw new Error(`unexpected answer to SYNC: ${header}`);
  }
  const temporary = `${path}.part`;
  const file = await open(temporary, 'w', 0o600);
  try {
    let total = 0;
    for await (const piece of mark === undefined ? reader.bytes(length) : reader.untilMark(mark)) {
      await file.write(piece);
      total += piece.length;
      onBytes(total);
    }
    await file.sync();
    await file.close();
    await rename(temporary, path);
    return total;
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Takes lines and bytes off a socket. */
class SocketReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\n');
      if (end !== -1) {
        const line = this.#rest.subarray(0, end).toString().trimEnd();
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      this.#rest = Buffer.concat([this.#rest, await this.#more()]);
    }
  }

  async *bytes(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#more();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** Everything in front of the mark, which is the last that comes. */
  async *untilMark(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#rest.indexOf(mark);
      if (at !== -1) {
        yield this.#rest.subarray(0, at);
        return;
      }
      // The end of what has come may be the beginning of the mark.
      const safe = Math.max(0, this.#rest.length - mark.length + 1);
      if (safe > 0) yield this.#rest.subarray(0, safe);
      this.#rest = Buffer.concat([this.#rest.subarray(safe), await this.#more()]);
    }
  }

  async #more(): Promise<Buffer> {
    const { value, done } = await this.#chunks.next();
    if (done) throw new Error('the connection was closed before the whole file had come');
    return value;
  }
}
