// The few ways in which this page touches its document. Text is only ever set
// as text: nothing that a gateway says can become HTML.

const svgSpace = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

// h makes an HTML element with attributes and children (elements or texts).
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// s makes an SVG element.
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(svgSpace, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

// setText changes a text only when it differs, so that nothing is announced or
// painted again for nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

// keyed keeps one child of parent per item, in order, and updates in place.
export function keyed(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const seen = new Set();
  items.forEach((item, i) => {
    let k = String(key(item));
    while (seen.has(k)) k += '+'; // a gateway may name two things alike
    seen.add(k);
    const child = old.get(k) ?? make(item);
    child.dataset.key = k;
    old.delete(k);
    update(child, item);
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  for (const gone of old.values()) gone.remove();
}

// part returns the descendant of that class.
export const part = (element, name) => element.getElementsByClassName(name)[0];

// meter sets how full a bar is, 0…1.
export function meter(bar, share) {
  bar.style.setProperty('--share', String(Math.min(1, Math.max(0, share))));
}

const commands = /envoyd (?:token (?:login|set|show|renew)|trust(?: -gateway \d+)?|check|discover|read|connect enlighten)/g;

// advice shows what to do: commands to type and lines to paste stand out.
export function advice(text) {
  const [line, ...paste] = text.replace(/\n+$/, '').split('\n');
  const sentence = h('p', { class: 'mend' });
  let from = 0;
  for (const found of line.matchAll(commands)) {
    sentence.append(line.slice(from, found.index), h('code', {}, found[0]));
    from = found.index + found[0].length;
  }
  sentence.append(line.slice(from));
  return paste.length === 0 ? [sentence] : [sentence, h('pre', { tabindex: '0' }, paste.join('\n'))];
}
