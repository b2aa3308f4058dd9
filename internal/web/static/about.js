// The parts of the page that tell how the daemon fares: health and its mends,
// where the numbers come from, and what is going on before there are any.

import { advice, byId, h, keyed, part, setText, show } from './dom.js';
import { date, join, plain, since } from './format.js';

const words = { green: 'works', yellow: 'needs attention', red: 'does not work' };
const titles = {
  account: 'Enphase account', adopt: 'Adoption', clock: 'Clock', cloud: 'Cloud', config: 'Configuration', discovery: 'Discovery', gateway: 'Gateway',
  http: 'Page', influx: 'InfluxDB', ledger: 'Counters', loop: 'Loop', mqtt: 'MQTT', password: 'Password', readings: 'Measurements',
  store: 'Store', token: 'Token', trust: 'Trust',
};

// showConditions lists the conditions, worst first as they come.
export function showConditions(list, conditions, now, zone) {
  keyed(list, conditions, (c) => c.name, makeCondition, (element, c) => updateCondition(element, c, now, zone));
}

// showWorry says at the top that something at the bottom wants to be read.
export function showWorry(link, conditions) {
  const n = conditions.filter((c) => c.state !== 'green').length;
  show(link, n > 0);
  setText(link, n === 1 ? '1 part needs attention' : `${n} parts need attention`);
}

function makeCondition() {
  return h(
    'li',
    {},
    h('span', { class: 'dot', 'aria-hidden': 'true' }),
    h('div', {}, h('p', { class: 'row' }, h('b', { class: 'title' }), h('span', { class: 'since small' })), h('p', { class: 'message' }), h('div', { class: 'mends' })),
  );
}

function updateCondition(element, c, now, zone) {
  const [kind, of] = c.name.split('/');
  element.dataset.state = c.state;
  setText(part(element, 'title'), [titles[kind] ?? kind, of].filter(Boolean).join(' '));
  setText(part(element, 'since'), `${words[c.state] ?? c.state} since ${since(Date.parse(c.since), now, zone)}`);
  setText(part(element, 'message'), c.message);
  const mends = part(element, 'mends');
  if (mends.dataset.text === c.mend) return;
  mends.dataset.text = c.mend;
  mends.replaceChildren(...(c.mend ? advice(c.mend) : []));
}

// showWaiting tells why there is no reading yet and what would help.
export function showWaiting(conditions, gateway, now, zone) {
  const troubles = conditions.filter((c) => c.state !== 'green');
  const name = gateway?.name || gateway?.serial;
  let text = name ? `Gateway ${name} is being asked. The first numbers usually arrive within a few seconds.` : 'Looking for a gateway on the network.';
  if (troubles.length) text = 'There are no numbers yet, because:';
  setText(byId('waiting-text'), text);
  showConditions(byId('waiting-list'), troubles, now, zone);
}

// showSources tells of the gateway, and which source serves which quantity.
export function showSources(gateway, reading, zone) {
  const facts = [
    ['Serial', reading?.serial ?? gateway?.serial],
    ['Firmware', reading?.firmware ?? gateway?.firmware],
    ['Address', gateway?.address],
    ['Time zone', gateway?.zone],
    ['Token valid until', gateway?.token_expires ? date(Date.parse(gateway.token_expires), zone) : undefined],
    ['Cloud calls this month', calls(gateway?.cloud)],
    ['Answers in', gateway?.latency_ms > 0 ? join([plain(gateway.latency_ms), 'ms']) : undefined],
  ].filter(([, value]) => value);
  const sources = (gateway?.sources ?? []).map(split);
  if (reading?.source && reading.source !== 'local') sources.unshift(['power', `Enphase's cloud (${reading.source})`]);
  show(byId('sources'), facts.length + sources.length > 0);
  pairs(byId('facts'), facts);
  pairs(byId('sources-list'), sources);
}

// calls tells how many of the month's calls to the cloud are made.
function calls(cloud) {
  return cloud ? `${plain(cloud.month_used)} of ${plain(cloud.month_limit)}` : undefined;
}

function split(line) {
  const at = line.indexOf(': ');
  return at < 0 ? ['', line] : [line.slice(0, at), line.slice(at + 2)];
}

function pairs(list, all) {
  keyed(
    list,
    all,
    ([name, value], i) => name || `${value}${i}`,
    () => h('div', {}, h('dt'), h('dd')),
    (element, [name, value]) => {
      setText(element.firstChild, name);
      setText(element.lastChild, value);
    },
  );
}
