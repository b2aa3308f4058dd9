// Numbers and times as people read them. Absent is the caller's business:
// nothing here turns a missing value into 0.

const number = (digits) => new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = number(0);
const one = number(1);
const two = number(2);

const minus = (text) => text.replace('-', '\u2212').replace(/^\u2212(0([.]0+)?)$/, '$1');

export const known = (value) => typeof value === 'number' && Number.isFinite(value);

// power gives [number, unit] of W.
export function power(w) {
  const size = Math.abs(w);
  if (size < 999.5) return [minus(whole.format(w)), 'W'];
  return [minus((size < 99995 ? two : one).format(w / 1000)), 'kW'];
}

// energy gives [number, unit] of Wh.
export function energy(wh) {
  const size = Math.abs(wh);
  if (size < 999.5) return [minus(whole.format(wh)), 'Wh'];
  if (size < 999950) return [minus((size < 99950 ? two : one).format(wh / 1000)), 'kWh'];
  return [minus(two.format(wh / 1e6)), 'MWh'];
}

export const join = (pair) => pair.join('\u00a0');
export const kwh = (wh) => minus(one.format(wh / 1000));
export const percent = (n) => `${whole.format(n)}\u00a0%`;
export const plain = (n) => minus(whole.format(n));
export const kilowatts = (w) => minus(new Intl.NumberFormat('en', { maximumFractionDigits: 1 }).format(w / 1000));

// span says how long: 3 s, 4 min, 2 h, 3 days.
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s}\u00a0s`;
  if (s < 90 * 60) return `${Math.round(s / 60)}\u00a0min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)}\u00a0h`;
  return `${Math.round(s / 86400)}\u00a0days`;
}

// usableZone returns the zone when the browser knows it; undefined is its own.
export function usableZone(zone) {
  try {
    if (zone) new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone || undefined;
  } catch {
    return undefined;
  }
}

const formats = new Map();

function format(zone, kind, options) {
  const key = `${kind} ${zone}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options }));
  return formats.get(key);
}

export const clock = (ms, zone) =>
  format(zone, 'clock', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms);
export const hour = (ms, zone) => format(zone, 'hour', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
export const weekday = (ms, zone) => format(zone, 'weekday', { weekday: 'short', day: 'numeric', month: 'short' }).format(ms);
export const date = (ms, zone) => format(zone, 'date', { day: 'numeric', month: 'short', year: 'numeric' }).format(ms);

// since names a moment: the time today, with the day when it is longer ago.
export function since(ms, now, zone) {
  return now - ms < 20 * 3600e3 ? clock(ms, zone) : `${weekday(ms, zone)}, ${hour(ms, zone)}`;
}

// offset is how far the zone is ahead of UTC at a moment, in ms.
function offset(ms, zone) {
  const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' };
  const p = Object.fromEntries(format(zone, 'parts', parts).formatToParts(ms).map((x) => [x.type, Number(x.value)]));
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(ms / 1000) * 1000;
}

// midnight is when the day of a moment began in the zone, `days` later or
// earlier. The offset is asked twice: the day may begin on the other side of a
// change of the clocks.
export function midnight(ms, zone, days = 0) {
  const local = new Date(ms + offset(ms, zone));
  const wall = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + days);
  const guess = wall - offset(wall, zone);
  return wall - offset(guess, zone);
}
