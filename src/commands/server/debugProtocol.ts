/** DEBUG PROTOCOL: one reply of each type, for the tests of clients. */
import type { CommandContext } from '../context.js';

const ATTRIBUTE_OF_ONE_PAIR = Buffer.from('|1\r\n');

export function replyOfType(ctx: CommandContext, type: string): void {
  const { reply } = ctx;
  switch (type) {
    case 'string':
      return reply.text('Hello World');
    case 'integer':
      return reply.integer(12345);
    case 'double':
      // biome-ignore lint/suspicious/noApproximativeNumericConstant: the very number that Redis answers.
      return reply.double(3.141);
    case 'bignum':
      return reply.bigNumber('1234567999999999999999999999999999999');
    case 'null':
      return reply.nil();
    case 'array':
      reply.array(3);
      for (let i = 0; i < 3; i++) reply.integer(i);
      return;
    case 'set':
      reply.set(3);
      for (let i = 0; i < 3; i++) reply.integer(i);
      return;
    case 'map':
      reply.map(3);
      for (let i = 0; i < 3; i++) {
        reply.integer(i);
        reply.boolean(i === 1);
      }
      return;
    case 'attrib':
      return replyAttribute(ctx);
    case 'push':
      return replyPush(ctx);
    case 'verbatim':
      return reply.verbatim('txt', 'This is a verbatim\nstring');
    case 'true':
      return reply.boolean(true);
    case 'false':
      return reply.boolean(false);
    default:
      reply.error(
        'ERR Wrong protocol type name. Please use one of the following: ' +
          'string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
      );
  }
}

/** An attribute is no reply of its own: one follows it. RESP2 has no attributes. */
function replyAttribute({ reply }: CommandContext): void {
  if (reply.protocol > 2) {
    reply.raw(ATTRIBUTE_OF_ONE_PAIR);
    reply.text('key-popularity');
    reply.array(2);
    reply.text('key:123');
    reply.integer(90);
  }
  reply.text('Some real reply following the attribute');
}

/** A push message answers nothing: a reply follows it. */
function replyPush({ reply }: CommandContext): void {
  if (reply.protocol === 2) return reply.error('ERR RESP2 is not supported by this command');
  reply.push(2);
  reply.text('server-cpu-usage');
  reply.integer(42);
  reply.text('Some real reply following the push reply');
}
