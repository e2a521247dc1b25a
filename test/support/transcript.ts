/** Transcripts of trib and redis-cli. */

/** Without what depends on how long the nodes took to meet: a dot a second, and after three seconds the reason why it takes so long. */
export function withoutWaiting(transcript: string): string {
  return transcript.replace(
    /cluster to join\.*(?:\n(?: +.*\n)+Waiting for the cluster to join\.*)?(?=\n)/g,
    'cluster to join...',
  );
}
