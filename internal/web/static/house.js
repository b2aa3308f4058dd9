// The parts of the page that show one reading: tiles, batteries,
// microinverters. What a reading does not have is not there.

import { byId, h, keyed, meter, part, setText, show } from './dom.js';
import { known, power, energy, join, percent, plain, span } from './format.js';

const silent = 30 * 60e3; // an inverter reports each five minutes by day

const tiles = [
  { name: 'production', label: 'Production', said: (w) => (w > 0 ? 'generating' : 'standby'), today: [['production_wh', 'today']] },
  { name: 'consumption', label: 'House', said: () => 'in use', today: [['consumption_wh', 'today']], whole: true },
  { name: 'grid', label: 'Grid', said: (w) => way(w, 'importing', 'exporting'), today: [['import_wh', 'in'], ['export_wh', 'out']], whole: true },
  { name: 'battery', label: 'Battery', said: (w) => way(w, 'discharging', 'charging'), today: [['charge_wh', 'in'], ['discharge_wh', 'out']], whole: true },
  { name: 'generator', label: 'Generator', said: (w) => way(w, 'generating', 'taking power'), today: [] },
];

const way = (w, positive, negative) => (Math.abs(w) < 5 ? 'at rest' : w > 0 ? positive : negative);

export function showTiles(reading) {
  const shown = tiles.filter((tile) => known(reading.power[`${tile.name}_w`]) || soc(tile, reading) || today(tile, reading));
  keyed(byId('tiles'), shown, (tile) => tile.name, makeTile, (element, tile) => updateTile(element, tile, reading));
}

function makeTile(tile) {
  return h(
    'article',
    { class: `tile ${tile.name}` },
    h('h2', {}, tile.label),
    h('p', { class: 'now' }, h('span', { class: 'number' }), ' ', h('span', { class: 'unit' })),
    h('p', { class: 'said' }),
    h('p', { class: 'today' }),
  );
}

function updateTile(element, tile, reading) {
  const w = reading.power[`${tile.name}_w`];
  const [number, unit] = known(w) ? power(tile.whole ? Math.abs(w) : w) : ['', ''];
  setText(part(element, 'number'), number);
  setText(part(element, 'unit'), unit);
  setText(part(element, 'said'), [known(w) ? tile.said(w) : '', soc(tile, reading)].filter(Boolean).join(' · '));
  const line = part(element, 'today');
  setText(line, today(tile, reading));
  const guessed = tile.today.some(([key]) => reading.estimated?.includes(`energy.${key}`));
  if (guessed) line.title = '≈ worked out from power or from coarse values, not counted by a meter';
  else line.removeAttribute('title');
}

const soc = (tile, reading) =>
  tile.name === 'battery' && known(reading.storage?.soc_pct) ? `${percent(reading.storage.soc_pct)} full` : '';

// today tells the day's energy: "13.4 kWh today", "1.2 kWh in, 80 Wh out today".
function today(tile, reading) {
  const parts = tile.today
    .filter(([key]) => known(reading.today?.[key]))
    .map(([key, word]) => {
      const about = reading.estimated?.includes(`energy.${key}`) ? '≈\u00a0' : '';
      return `${about}${join(energy(reading.today[key]))}${word === 'today' ? '' : ` ${word}`}`;
    });
  return parts.length ? `${parts.join(', ')} today` : '';
}

const modes = { 'self-consumption': 'Self\u2011consumption', savings: 'Savings', backup: 'Backup' };

export function showStorage(reading, now) {
  const storage = reading.storage ?? {};
  const batteries = reading.batteries ?? [];
  const facts = [
    known(storage.available_wh) && known(storage.capacity_wh)
      ? `${join(energy(storage.available_wh))} of ${join(energy(storage.capacity_wh))}`
      : known(storage.capacity_wh) ? join(energy(storage.capacity_wh)) : '',
    known(storage.reserve_pct) ? `${percent(storage.reserve_pct)} kept for a power cut` : '',
    storage.mode ? (modes[storage.mode] ?? storage.mode) : '',
  ].filter(Boolean);
  show(byId('storage'), batteries.length > 0 || facts.length > 0);
  setText(byId('storage-sum'), facts.join(' · '));
  keyed(byId('batteries'), batteries, (b) => b.serial, makeBattery, (element, b) => updateBattery(element, b, now));
}

function makeBattery() {
  return h(
    'li',
    {},
    h('div', { class: 'row' }, h('span', { class: 'serial' }), h('b', { class: 'state' })),
    h('div', { class: 'bar battery', 'aria-hidden': 'true' }, h('span')),
    h('div', { class: 'row small' }, h('span', { class: 'detail' }), h('span', { class: 'age' })),
  );
}

function updateBattery(element, b, now) {
  const kind = { encharge: 'IQ Battery', acb: 'AC Battery' }[b.kind] ?? b.kind;
  setText(part(element, 'serial'), `${kind} ${b.serial}`);
  setText(part(element, 'state'), known(b.soc_pct) ? percent(b.soc_pct) : '');
  const bar = part(element, 'bar');
  show(bar, known(b.soc_pct));
  if (known(b.soc_pct)) meter(bar, b.soc_pct / 100);
  const detail = [
    known(b.power_w) ? `${join(power(Math.abs(b.power_w)))} ${way(b.power_w, 'discharging', 'charging')}` : '',
    known(b.temperature_c) ? `${plain(b.temperature_c)}\u00a0°C` : '',
    b.communicating === false ? 'does not communicate' : '',
  ];
  setText(part(element, 'detail'), detail.filter(Boolean).join(' · '));
  aged(element, b.time, now, 5 * 60e3);
}

export function showInverters(reading, now) {
  const all = reading.inverters ?? [];
  show(byId('inverters'), all.length > 0);
  const heard = all.filter((i) => now - Date.parse(i.time) <= silent && known(i.power_w));
  setText(byId('inverters-sum'), heard.length ? `${heard.length} of ${all.length} reported in the last half hour` : `${all.length}, silent since they last produced`);
  const most = Math.max(1, ...all.map((i) => i.max_power_w ?? i.power_w ?? 0));
  keyed(byId('inverters-list'), all, (i) => i.serial, makeInverter, (element, i) => updateInverter(element, i, now, most));
}

function makeInverter() {
  return h(
    'li',
    {},
    h('div', { class: 'row' }, h('b', { class: 'watts' }), h('span', { class: 'age small' })),
    h('div', { class: 'bar production', 'aria-hidden': 'true' }, h('span')),
    h('div', { class: 'serial small' }),
  );
}

function updateInverter(element, i, now, most) {
  setText(part(element, 'watts'), known(i.power_w) ? join(power(i.power_w)) : '');
  meter(part(element, 'bar'), (i.power_w ?? 0) / most);
  show(part(element, 'bar'), known(i.power_w));
  setText(part(element, 'serial'), i.serial);
  aged(element, i.time, now, silent);
}

// aged tells how old a part's own report is, and greys it when it is old.
function aged(element, time, now, limit) {
  const age = now - Date.parse(time);
  setText(part(element, 'age'), Number.isNaN(age) ? '' : `${span(age)} ago`);
  element.classList.toggle('old', age > limit);
}
