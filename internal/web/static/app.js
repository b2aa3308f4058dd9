// The live page of envoyd. It shows what the daemon knows and changes nothing.

import { Connection, history } from './connection.js';
import { byId, h, keyed, setText, show } from './dom.js';
import { clock, midnight, since, span, usableZone } from './format.js';
import { showConditions, showSources, showWaiting, showWorry } from './about.js';
import { showInverters, showStorage, showTiles } from './house.js';
import { showDays } from './days.js';
import { Chart } from './chart.js';
import { Flow } from './flow.js';

const pastEvery = 60e3;
const longest = 3600e3; // no source is slower than 45 minutes

const state = {
  readings: new Map(), // newest by gateway
  gateways: null, // what is known beside the readings; null before it is told
  conditions: [],
  chosen: location.hash.slice(1), // a gateway as it stands in the address
  asked: '', // the gateway and day whose past is shown
};

const flow = new Flow(byId('flow'));
const chart = new Chart(byId('curve'));
const connection = new Connection({
  reading(reading) {
    const first = !current();
    state.readings.set(reading.gateway, reading);
    if (first) return showAll();
    showGateways();
    if (reading.gateway === chosen()) showReading();
  },
  readings(all) {
    state.readings = new Map(all.map((reading) => [reading.gateway, reading]));
    showAll();
  },
  conditions(conditions) {
    state.conditions = conditions;
    showAll();
  },
  gateways(gateways) {
    state.gateways = gateways;
    showAll();
  },
  presence() {
    showAll();
    if (!connection.away) askPast();
  },
});

// ids lists the gateways that have a reading or are configured.
function ids() {
  return [...new Set([...(state.gateways ?? []).map((g) => g.gateway), ...state.readings.keys()])].sort();
}

function chosen() {
  const all = ids();
  return all.find((id) => encodeURIComponent(id) === state.chosen) ?? (all.find((id) => state.readings.has(id)) ?? all[0]);
}

const current = () => state.readings.get(chosen());
const about = () => state.gateways?.find((g) => g.gateway === chosen());
const zone = () => usableZone(about()?.zone);
const nameOf = (id) => state.readings.get(id)?.name || state.gateways?.find((g) => g.gateway === id)?.name || id;

function showGateways() {
  const all = ids();
  const here = chosen();
  show(byId('gateways'), all.length > 1);
  setText(byId('name'), here ? nameOf(here) : 'envoyd');
  document.title = here ? `${nameOf(here)} · envoyd` : 'envoyd';
  keyed(byId('gateways'), all, (id) => id, makeChoice, (button, id) => {
    setText(button, nameOf(id));
    button.setAttribute('aria-pressed', String(id === here));
  });
}

function makeChoice(id) {
  const button = h('button', { type: 'button' });
  button.addEventListener('click', () => {
    state.chosen = encodeURIComponent(id);
    window.history.replaceState(null, '', `#${state.chosen}`);
    showAll();
    askPast();
  });
  return button;
}

// presence says what the numbers are: live, stale, from before the daemon
// went away, or not there yet.
function presence() {
  if (connection.away) return 'away';
  if (!current()?.time) return 'waiting'; // nothing was measured yet
  const old = connection.now() - Date.parse(current().time) > longest;
  return old || current().quality === 'stale' ? 'stale' : 'live';
}

function showReading() {
  const reading = current();
  if (!reading) return;
  const now = connection.now();
  const live = presence() === 'live';
  showTiles(reading);
  show(byId('flow-card'), flow.update(reading, !live) > 1);
  chart.end(live ? { ...reading.power, time: Date.parse(reading.time) } : null);
  showStorage(reading, now);
  showInverters(reading, now);
  const badge = byId('grid-state');
  show(badge, reading.grid_state === 'off-grid');
  setText(badge, reading.grid_state === 'off-grid' ? 'Off-grid: the house is cut from the grid' : '');
  showAge();
}

function showAge() {
  const reading = current();
  const now = connection.now();
  const kind = presence();
  if (document.body.dataset.state !== kind) document.body.dataset.state = kind;
  const age = reading?.time ? span(now - Date.parse(reading.time)) : '';
  const told = { live: `${age} ago`, stale: `stale, ${age} old`, away: reading?.time ? `away, ${age} old` : 'away', waiting: 'no reading yet' }[kind];
  setText(byId('age'), told);
  setText(byId('notice'), notice(kind, reading, now));
}

function notice(kind, reading, now) {
  const at = reading?.time ? since(Date.parse(reading.time), now, zone()) : '';
  if (kind === 'away') {
    const heard = connection.contact ? ` since ${clock(connection.contact, zone())}` : '';
    return `envoyd does not answer${heard}.${at ? ` These are its last numbers, from ${at}.` : ''} This page goes on trying.`;
  }
  if (kind === 'stale') return `No new measurement since ${at}. These numbers are old; see Health below.`;
  if (kind === 'live' && reading.source !== 'local') return 'The gateway is silent: these numbers come from Enphase’s cloud.';
  return '';
}

function showAll() {
  const now = connection.now();
  showGateways();
  show(byId('home'), Boolean(current()));
  show(byId('waiting'), !current() && connection.contact > 0);
  if (!current()) showWaiting(state.conditions, about(), now, zone());
  showConditions(byId('health'), state.conditions, now, zone());
  show(byId('health-card'), state.conditions.length > 0);
  showWorry(byId('worry'), current() ? state.conditions : []);
  showSources(about(), current(), zone());
  showReading();
  showAge();
  if (current() && state.asked !== pastKey()) askPast();
}

const pastKey = () => `${chosen()} ${zone()} ${midnight(connection.now(), zone())}`;

// askPast fetches the day so far and the days before it. When the day began
// depends on the gateway's zone, so that has to be known first.
async function askPast() {
  const id = chosen();
  if (!id || !state.gateways || connection.away) return;
  const key = pastKey();
  const fresh = state.asked !== key;
  state.asked = key;
  const now = connection.now();
  if (fresh) {
    chart.set([], now, zone());
    showDays([], zone());
    showReading();
  }
  try {
    const [today, days] = await Promise.all([
      history(id, midnight(now, zone()), now, '5m'),
      history(id, midnight(now, zone(), -8), now, '1d'),
    ]);
    if (key !== pastKey()) return; // another was chosen meanwhile, or the day ended
    chart.set(today, now, zone());
    showDays(days, zone());
    showReading();
    setText(byId('past'), chart.empty() ? 'The curve begins with the readings of today.' : '');
  } catch {
    if (!connection.away) setText(byId('past'), 'The history cannot be read at present.');
  }
}

// The address keeps the chosen gateway, so the way to Health must not go there.
byId('worry').addEventListener('click', (event) => {
  event.preventDefault();
  byId('health-title').focus();
});
setInterval(showAge, 1000);
setInterval(showReading, 15e3);
setInterval(askPast, pastEvery);
connection.start();
