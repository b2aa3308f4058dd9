// The curve of a day: five-minute means from midnight to midnight, and the
// present power as its moving end. A gap in the data is a gap in the line.

import { h, s, setText } from './dom.js';
import { known, power, join, hour, kilowatts, midnight } from './format.js';

const series = [
  { key: 'production_w', name: 'Production', color: 'production', filled: true },
  { key: 'consumption_w', name: 'House', color: 'consumption' },
  { key: 'grid_w', name: 'Grid (+ import, − export)', color: 'grid' },
  { key: 'battery_w', name: 'Battery (+ discharge, − charge)', color: 'battery' },
  { key: 'generator_w', name: 'Generator', color: 'generator' },
];
const height = 270;
const margin = { left: 38, right: 8, top: 10, bottom: 24 };
const gap = 11 * 60e3; // two steps without a value break the line

export class Chart {
  constructor(parent) {
    this.rows = [];
    this.svg = s('svg', { role: 'img', tabindex: '0', class: 'chart' });
    this.when = h('span', { class: 'when' });
    this.legend = h('ul', { class: 'legend' });
    parent.append(this.svg, this.legend);
    this.items = series.map((one) => {
      const value = h('b');
      const item = h('li', { class: one.color }, h('span', { class: 'mark', 'aria-hidden': 'true' }), `${one.name} `, value);
      this.legend.append(item);
      return { one, item, value };
    });
    this.legend.append(h('li', { class: 'at' }, this.when));
    new ResizeObserver(() => this.draw()).observe(parent);
    this.svg.addEventListener('pointermove', (event) => this.point(event.offsetX));
    this.svg.addEventListener('pointerleave', () => this.pick(-1));
    this.svg.addEventListener('blur', () => this.pick(-1));
    this.svg.addEventListener('keydown', (event) => this.walk(event));
  }

  // set replaces the past: rows of five minutes from the day's midnight on.
  set(rows, now, zone) {
    this.rows = rows.filter((row) => series.some(({ key }) => known(row[key])));
    this.zone = zone;
    this.from = midnight(now, zone);
    this.to = midnight(now, zone, 1);
    this.live = null;
    this.draw();
  }

  // end moves the end of the curve; null when there is no present power.
  end(point) {
    if (this.from === undefined || (point && point.time >= this.to)) return;
    this.live = point && point.time >= this.from ? point : null;
    this.draw();
  }

  empty() {
    return this.rows.length === 0;
  }

  points() {
    const half = 150e3; // a mean stands in the middle of its five minutes
    const past = this.rows
      .map((row) => ({ ...row, time: row.time + half }))
      .filter((row) => row.time >= this.from && row.time < (this.live?.time ?? this.to));
    return this.live ? [...past, this.live] : past;
  }

  draw() {
    const width = this.svg.parentElement.clientWidth;
    if (this.from === undefined || width === 0) return;
    this.drawn = this.points();
    this.width = width;
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.setAttribute('height', String(height));
    const used = series.filter(({ key }) => this.drawn.some((p) => known(p[key])));
    const scale = range(used.flatMap(({ key }) => this.drawn.map((p) => p[key]).filter(known)));
    this.x = (time) => margin.left + ((time - this.from) / (this.to - this.from)) * (width - margin.left - margin.right);
    this.y = (w) => margin.top + ((scale.high - w) / (scale.high - scale.low)) * (height - margin.top - margin.bottom);
    this.cursor = s('path', { class: 'cursor' });
    const lines = used.flatMap((one) => this.line(one));
    this.svg.replaceChildren(...this.axes(scale), ...lines, this.cursor);
    for (const { one, item } of this.items) item.hidden = !used.includes(one);
    this.pick(this.picked ?? -1);
  }

  // line draws one quantity, in pieces where values are missing.
  line({ key, color, filled }) {
    const pieces = [];
    let last = null;
    for (const p of this.drawn.filter((point) => known(point[key]))) {
      if (!last || p.time - last.time > gap) pieces.push([]);
      pieces.at(-1).push(p);
      last = p;
    }
    const place = (p) => `${this.x(p.time).toFixed(1)} ${this.y(p[key]).toFixed(1)}`;
    const d = pieces.map((piece) => `M${piece.map(place).join('L')}${piece.length === 1 ? 'h.1' : ''}`).join('');
    const made = [s('path', { class: `curve-line ${color}`, d })];
    if (filled) {
      const zero = this.y(0).toFixed(1);
      const area = pieces
        .map((piece) => `M${this.x(piece[0].time).toFixed(1)} ${zero}L${piece.map(place).join('L')}L${this.x(piece.at(-1).time).toFixed(1)} ${zero}Z`)
        .join('');
      made.unshift(s('path', { class: `curve-area ${color}`, d: area }));
    }
    if (this.live && known(this.live[key])) {
      made.push(s('circle', { class: `curve-end ${color}`, cx: this.x(this.live.time), cy: this.y(this.live[key]), r: 3.5 }));
    }
    return made;
  }

  axes({ low, high, step }) {
    const parts = [];
    for (let w = low; w <= high + step / 2; w += step) {
      const y = this.y(w);
      parts.push(s('path', { class: Math.abs(w) < 1 ? 'zero' : 'rule', d: `M${margin.left} ${y}H${this.width - margin.right}` }));
      parts.push(s('text', { class: 'tick', x: margin.left - 6, y: y + 4, 'text-anchor': 'end' }, kilowatts(w)));
    }
    parts.push(s('text', { class: 'tick unit', x: margin.left + 4, y: margin.top + 9 }, 'kW'));
    const every = this.width < 480 ? 6 : 3;
    for (let time = this.from; time <= this.to; time += 3600e3) {
      const text = hour(time, this.zone);
      const n = Number(text.slice(0, 2));
      if (!text.endsWith(':00') || n % every !== 0) continue;
      const anchor = time === this.from ? 'start' : time >= this.to ? 'end' : 'middle';
      parts.push(s('text', { class: 'tick', x: this.x(time), y: height - 6, 'text-anchor': anchor }, text));
    }
    return parts;
  }

  point(x) {
    if (!this.drawn?.length) return;
    const far = (p) => Math.abs(this.x(p.time) - x);
    this.pick(this.drawn.reduce((best, p, i) => (far(p) < far(this.drawn[best]) ? i : best), 0));
  }

  walk(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.drawn?.length) return;
    event.preventDefault();
    const from = this.picked < 0 ? this.drawn.length : this.picked;
    this.pick(Math.min(this.drawn.length - 1, Math.max(0, from + step)));
  }

  // pick marks one moment and tells its values; -1 none, and the newest are told.
  pick(i) {
    this.picked = i;
    const p = this.drawn?.[i] ?? this.live;
    const marked = this.drawn?.[i];
    this.cursor?.setAttribute('d', marked ? `M${this.x(marked.time)} ${margin.top}V${height - margin.bottom}` : '');
    for (const { one, value } of this.items) setText(value, p && known(p[one.key]) ? join(power(p[one.key])) : '');
    setText(this.when, marked ? `at ${hour(marked.time, this.zone)}` : p ? 'now' : '');
    this.svg.setAttribute('aria-label', this.tell(p));
  }

  tell(p) {
    if (!p) return 'Curve of today: no values yet';
    const values = series.filter(({ key }) => known(p[key])).map(({ key, name }) => `${name} ${join(power(p[key]))}`);
    return `Curve of today, ${hour(p.time, this.zone)}: ${values.join(', ')}. Arrow keys go through the day.`;
  }
}

// range finds round ends and steps that hold all values and zero.
function range(values) {
  const top = Math.max(1000, ...values);
  const bottom = Math.min(0, ...values);
  const rough = (top - bottom) / 5;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= rough);
  return { low: Math.floor(bottom / step) * step, high: Math.ceil(top / step) * step, step };
}
