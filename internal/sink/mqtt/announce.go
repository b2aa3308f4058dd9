package mqtt

import (
	"maps"
	"slices"
	"time"
)

// shown is what of a gateway's document does not come from its keys.
type shown struct{ name, serial, firmware, part, address string }

// lookAround brings the memory up to date with the newest reading and facts:
// the gateway's name and keys, what has gone, what has not been known for long.
func (f *feed) lookAround(now time.Time) {
	before := f.shown()
	f.facts = f.p.cfg.Facts(f.gateway)
	if r := f.latest; r != nil {
		f.memory.Name, f.memory.Serial, f.memory.Firmware = first(r.Name, f.memory.Name), first(r.Serial, f.memory.Serial), first(r.Firmware, f.memory.Firmware)
	}
	if after := f.shown(); after != before {
		f.unsaid[""] = true
		f.p.memory.changed = true
	}
	if f.latest != nil || f.facts.Problem {
		f.learnState(now)
	}
	f.retireMissing(now)
	f.retireExpired(now)
}

func (f *feed) shown() shown {
	return shown{f.memory.Name, f.memory.Serial, f.memory.Firmware, f.facts.PartNumber, f.facts.Address}
}

// learnState notes which of the state's keys this gateway has. A problem can
// always be told.
func (f *feed) learnState(now time.Time) {
	own, today, v := f.memory.thing(""), day(now), f.view()
	var scratch [64]byte
	for i := range f.fields {
		if len(f.fields[i].write(scratch[:0], v)) > 0 {
			f.note("", own, f.fields[i].key, today)
		}
	}
}

// learnElement notes which keys an inverter, battery, controller or meter has.
func (f *feed) learnElement(e *element, now time.Time) {
	t, today := f.memory.thing(e.id), day(now)
	if t.Kind != e.kind {
		t.Kind = e.kind
		f.unsaid[e.id] = true
		f.p.memory.changed = true
	}
	for key := range e.known {
		f.note(e.id, t, key, today)
	}
}

func (f *feed) note(id string, t *thing, key, today string) {
	if t.Keys[key] == today {
		return
	}
	f.p.memory.changed = true
	if t.learn(key, today) {
		f.unsaid[f.documentOf(id)] = true
	}
}

// documentOf names the thing in whose document a thing appears: a meter is
// part of the gateway.
func (f *feed) documentOf(id string) string {
	if isMeter(id) {
		return ""
	}
	return id
}

// announce publishes the documents that have changed, the gateway's first, so
// that the others find the device they belong to.
func (f *feed) announce() {
	if len(f.unsaid) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(f.unsaid))
	clear(f.unsaid)
	if f.p.topics.prefix == "" {
		return
	}
	for _, id := range ids {
		if t := f.memory.Things[id]; t != nil && !isMeter(id) && len(t.Keys) > 0 {
			f.tellDocument(id, t)
		}
	}
}

// tellDocument publishes one document, and before it, once, one that removes
// the components which are no more.
func (f *feed) tellDocument(id string, t *thing) {
	topic := f.p.topics.config(f.serialOf(id))
	if len(t.Drop) > 0 {
		said := maps.Clone(t.Drop)
		f.put(message{topic: topic, payload: f.document(id), qos: 1, every: true, settled: func() {
			t.dropped(said)
			f.p.memory.changed = true
		}})
		t.Drop = nil
		defer func() { t.Drop = said }() // until the broker has it
	}
	doc := f.document(id)
	if f.told.documents[id] == string(doc) {
		return
	}
	f.told.documents[id] = string(doc)
	f.put(message{topic: topic, payload: doc, qos: 1})
}

func (f *feed) document(id string) []byte {
	if id == "" {
		return marshal(f.author.gatewayDocument(f.facts))
	}
	return marshal(f.author.thingDocument(id))
}

func (f *feed) serialOf(id string) string {
	if id == "" {
		return f.gateway
	}
	return serialOf(id)
}

// learnAll notes everything the newest reading has, before it is said.
func (f *feed) learnAll(now time.Time) {
	f.lookAround(now)
	if f.latest == nil {
		return
	}
	for _, e := range allElements(f.latest) {
		f.learnElement(&e, now)
	}
}
