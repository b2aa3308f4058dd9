// The energy of the last days, from the lifetime counters at the end of each:
// a day counts when it and the one before it are known.

import { byId, h, show } from './dom.js';
import { known, kwh, weekday } from './format.js';

const columns = [
  ['production_wh', 'Produced'],
  ['consumption_wh', 'Used'],
  ['import_wh', 'Import'],
  ['export_wh', 'Export'],
  ['charge_wh', 'Charged'],
  ['discharge_wh', 'Discharged'],
];

// showDays takes rows of one day each, oldest first; the last is today.
export function showDays(rows, zone) {
  const days = [];
  for (let i = 1; i < rows.length - 1; i++) {
    const day = { time: rows[i].time };
    for (const [key] of columns) {
      if (known(rows[i][key]) && known(rows[i - 1][key])) day[key] = rows[i][key] - rows[i - 1][key];
    }
    if (Object.keys(day).length > 1) days.push(day);
  }
  show(byId('days'), days.length > 0);
  const used = columns.filter(([key]) => days.some((day) => known(day[key])));
  const head = h('tr', {}, h('th', { scope: 'col' }, 'Day'), ...used.map(([, name]) => h('th', { scope: 'col' }, name)));
  const body = days.reverse().map((day) =>
    h('tr', {}, h('th', { scope: 'row' }, weekday(day.time, zone)), ...used.map(([key]) => h('td', {}, known(day[key]) ? kwh(day[key]) : ''))),
  );
  byId('days-table').replaceChildren(h('thead', {}, head), h('tbody', {}, ...body));
}
