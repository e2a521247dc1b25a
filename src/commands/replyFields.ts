import type { ReplyWriter } from '../resp/replyWriter.js';

/** Named values of a reply, in their order: texts and integers. */
export type Fields = readonly (readonly [name: string, value: string | number])[];

/** Writes pairs of a map that the caller has opened. */
export function replyFields(reply: ReplyWriter, fields: Fields): void {
  for (const [name, value] of fields) {
    reply.text(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.text(value);
  }
}

/** Writes a map of these fields. */
export function replyMap(reply: ReplyWriter, fields: Fields): void {
  reply.map(fields.length);
  replyFields(reply, fields);
}
