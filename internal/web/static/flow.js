// The picture of where power goes: what gives and what takes, each on its own
// line to the middle. Dots run the way the power runs, faster when there is
// more of it; a line without power has none.

import { s, setText } from './dom.js';
import { known, power, join, percent } from './format.js';

const middle = { x: 200, y: 142 };
const radius = 33;
const least = 5; // W; less is no flow worth showing

// takes: a positive number means that power runs to this place. ways: what a
// positive and a negative number are called.
const places = [
  { name: 'production', label: 'Sun', x: 200, y: 46, text: [246, 42, 'start'] },
  { name: 'grid', label: 'Grid', x: 56, y: 142, text: [56, 196, 'middle'], ways: ['importing', 'exporting'] },
  { name: 'consumption', label: 'House', x: 344, y: 142, text: [344, 196, 'middle'], takes: true },
  { name: 'battery', label: 'Battery', x: 200, y: 238, text: [246, 234, 'start'], ways: ['discharging', 'charging'] },
  { name: 'generator', label: 'Generator', x: 76, y: 258, text: [122, 254, 'start'] },
];

const icons = {
  production: () => [
    s('circle', { r: 7.5 }),
    s('path', { d: 'M0-16v4M0 12v4M-16 0h4M12 0h4M-11.3-11.3l2.8 2.8M8.5 8.5l2.8 2.8M-11.3 11.3l2.8-2.8M8.5-8.5l2.8-2.8' }),
  ],
  grid: () => [s('path', { d: 'M-9 16 0-16 9 16M-6.5 6H6.5M-13-6h26M-10-6v4M10-6v4M-4.5 6 3-6M4.5 6-3-6' })],
  consumption: () => [s('path', { d: 'M-15-1 0-14 15-1M-10.500-4v17h21v-17M-3.500 13V4h7v9' })],
  battery: () => [
    s('rect', { x: -15, y: -9, width: 27, height: 18, rx: 3 }),
    s('path', { d: 'M15.500-3v6' }),
    s('rect', { class: 'level', x: -12, y: -6, width: 21, height: 12, rx: 1 }),
  ],
  generator: () => [s('circle', { r: 14 }), s('path', { d: 'M5-5A7 7 0 1 0 6 4V0H1' })],
};

export class Flow {
  constructor(parent) {
    this.places = new Map();
    this.svg = s('svg', { role: 'img', viewBox: '0 0 400 290' });
    const lines = s('g');
    this.svg.append(lines, s('circle', { class: 'middle', cx: middle.x, cy: middle.y, r: 7 }));
    for (const place of places) this.add(place, lines);
    parent.append(this.svg);
  }

  add(place, lines) {
    const end = shorten(place);
    const d = `M${end.x} ${end.y}L${middle.x} ${middle.y}`;
    const dots = s('path', { class: 'dots', d });
    const line = s('g', { class: `line ${place.name}` }, s('path', { class: 'wire', d }), dots);
    const [x, y, anchor] = place.text;
    const value = s('text', { class: 'value', x, y: y + 18, 'text-anchor': anchor });
    const label = s('text', { class: 'label', x, y, 'text-anchor': anchor });
    const icon = s('g', { class: 'icon', transform: `translate(${place.x} ${place.y})` }, ...icons[place.name]());
    const node = s(
      'g',
      { class: `place ${place.name}` },
      s('circle', { class: 'ring', cx: place.x, cy: place.y, r: radius }),
      icon,
      label,
      value,
    );
    lines.append(line);
    this.svg.append(node);
    this.places.set(place.name, { place, line, dots, node, label, value, icon, direction: 0 });
  }

  // update shows a reading and returns how many places it has; still: nothing
  // runs, the numbers are old.
  update(reading, still) {
    const said = [];
    for (const [name, p] of this.places) {
      const w = reading.power[`${name}_w`];
      const here = known(w);
      p.node.style.display = p.line.style.display = here ? '' : 'none';
      if (!here) {
        this.run(p, 0, 0);
        continue;
      }
      const label = p.place.label + direction(p.place, w);
      const text = describe(name, w, reading.storage);
      setText(p.label, label);
      setText(p.value, text);
      said.push(`${label} ${text}`);
      this.run(p, still || Math.abs(w) < least ? 0 : Math.sign(w) * (p.place.takes ? -1 : 1), Math.abs(w));
    }
    this.level(reading.storage?.soc_pct);
    const low = known(reading.power.battery_w) || known(reading.power.generator_w);
    this.svg.setAttribute('viewBox', low ? '0 0 400 290' : '0 0 400 226');
    this.svg.setAttribute('aria-label', `Power flow: ${said.join(', ')}`);
    return said.length;
  }

  // run lets the dots go: 1 towards the middle, -1 away from it, 0 not at all.
  run(p, direction, watts) {
    if (direction !== p.direction) {
      p.direction = direction;
      p.motion?.cancel();
      p.motion = null;
      p.dots.classList.toggle('running', direction !== 0);
      if (direction !== 0 && !matchMedia('(prefers-reduced-motion: reduce)').matches) {
        const steps = [{ strokeDashoffset: 0 }, { strokeDashoffset: -16 * direction }];
        p.motion = p.dots.animate(steps, { duration: 1200, iterations: Infinity });
      }
    }
    p.motion?.updatePlaybackRate(Math.min(2.6, 0.5 + watts / 2500));
  }

  level(soc) {
    const fill = this.places.get('battery').icon.getElementsByClassName('level')[0];
    fill.style.display = known(soc) ? '' : 'none';
    if (known(soc)) fill.setAttribute('width', String((21 * Math.min(100, Math.max(0, soc))) / 100));
  }
}

// shorten ends the line at the ring.
function shorten({ x, y }) {
  const length = Math.hypot(middle.x - x, middle.y - y);
  const share = radius / length;
  return { x: x + (middle.x - x) * share, y: y + (middle.y - y) * share };
}

// direction puts into words what the dots say, for who cannot see them run.
function direction({ ways }, w) {
  if (!ways || Math.abs(w) < least) return '';
  return `, ${w > 0 ? ways[0] : ways[1]}`;
}

function describe(name, w, storage) {
  if (name === 'battery' && known(storage?.soc_pct)) return `${join(power(Math.abs(w)))} · ${percent(storage.soc_pct)}`;
  return join(power(name === 'production' ? w : Math.abs(w)));
}
