/** IP addresses as text. */

/** The address in the form in which addresses are compared and printed; undefined when the text is no IP address. */
export function parseIp(text: string): string | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

function parseIpv4(text: string): string | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
  }
  return text;
}

/** The shortest form (RFC 5952): lower case, no leading zeros, the longest run of zeros as '::'. */
function parseIpv6(text: string): string | undefined {
  const words = parseIpv6Words(text);
  if (words === undefined) return undefined;
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `${words[6] >> 8}.${words[6] & 255}.${words[7] >> 8}.${words[7] & 255}`;
  }
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > bestLength) {
      best = i;
      bestLength = end - i;
    }
    if (end > i) i = end;
  }
  const hex = words.map((word) => word.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}

function parseIpv6Words(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseWords(halves[0]);
  const tail = halves.length === 2 ? parseWords(halves[1]) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : undefined;
  return missing >= 1 ? [...head, ...new Array<number>(missing).fill(0), ...tail] : undefined;
}

function parseWords(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const words: number[] = [];
  for (let i = 0; i < parts.length; i++) {
    const ipv4 = i === parts.length - 1 ? parseIpv4(parts[i]) : undefined;
    if (ipv4 !== undefined) {
      const [a, b, c, d] = ipv4.split('.').map(Number);
      words.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(parts[i])) words.push(Number.parseInt(parts[i], 16));
    else return undefined;
  }
  return words;
}
