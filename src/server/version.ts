/** Our own version; a test holds it equal to package.json's. */
export const VERSION = '0.1.0';

/** The Redis whose behaviour and command set clients may expect: what INFO and HELLO report as the Redis version. */
export const REDIS_VERSION = '7.2.4';
