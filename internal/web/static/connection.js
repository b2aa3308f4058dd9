// The line to the daemon: the stream of readings, and a look every few seconds
// whether it is still there. A phone that slept finds a dead stream that never
// says so, hence the look.

const lookEvery = 5000;
const answerWithin = 8000;

export class Connection {
  // on: {reading(r), readings(all), conditions(list), gateways(list), presence()}
  constructor(on) {
    this.on = on;
    this.away = false;
    this.contact = 0; // when the daemon was last heard, in its clock
    this.ahead = 0; // its clock minus ours, ms
    this.source = null;
    this.looks = 0;
    this.whole = true; // false: what we hold may be of a daemon that is no more
  }

  start() {
    this.open();
    this.look();
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.look();
    });
  }

  now() {
    return Date.now() + this.ahead;
  }

  open() {
    this.source?.close();
    this.source = new EventSource('api/v1/stream');
    this.source.addEventListener('reading', (event) => {
      this.heard();
      this.on.reading(JSON.parse(event.data));
    });
    this.source.addEventListener('error', () => {
      this.whole = false;
      this.look();
    });
  }

  heard() {
    const back = this.away;
    this.contact = this.now();
    this.away = false;
    if (back) this.on.presence();
  }

  // look asks how the daemon is; only one look is ever on its way.
  look() {
    this.looking ??= this.ask().finally(() => {
      this.looking = null;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), lookEvery);
    });
  }

  async ask() {
    try {
      const health = await get('healthz');
      this.setClock(health.date);
      const wasAway = this.away;
      this.heard();
      this.on.conditions(health.body.conditions ?? []);
      if (!this.whole || wasAway) {
        this.on.readings((await get('api/v1/readings')).body);
        this.whole = true;
      }
      if (this.looks % 6 === 0 || wasAway) this.on.gateways((await get('api/v1/gateways')).body ?? []);
      this.looks++;
      // No stream is to be had while too many are open: meanwhile each look
      // asks for the readings, as the failed try says that they may be old.
      if (this.source.readyState === EventSource.CLOSED) this.open();
    } catch {
      const first = !this.away;
      this.away = true;
      this.looks = 0;
      if (first) this.on.presence();
    }
  }


  // setClock follows the daemon's clock where it and ours differ: ages are
  // counted in the clock that gave the times. Date has whole seconds.
  setClock(date) {
    const theirs = Date.parse(date);
    if (Number.isNaN(theirs)) return;
    const ahead = theirs + 500 - Date.now();
    this.ahead = Math.abs(ahead) < 2000 ? 0 : ahead;
  }
}

// get asks for JSON. A 503 has a body too: it is how /healthz says no.
async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(answerWithin), cache: 'no-store' });
  if (!answer.ok && answer.status !== 503) throw new Error(`${path}: ${answer.status}`);
  return { body: await answer.json(), date: answer.headers.get('Date') };
}

// history asks for a gateway's past as a list of objects, one a step.
export async function history(gateway, from, to, step) {
  const query = new URLSearchParams({ gateway, from: stamp(from), to: stamp(to), step });
  const answer = await fetch(`api/v1/history?${query}`, { signal: AbortSignal.timeout(30000), cache: 'no-store' });
  if (!answer.ok) throw new Error(`history: ${answer.status}`);
  const { columns, rows } = await answer.json();
  return rows.map((row) => {
    const step = Object.fromEntries(columns.map((name, i) => [name, row[i]]));
    step.time = Date.parse(step.time);
    return step;
  });
}

const stamp = (ms) => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000', '');
