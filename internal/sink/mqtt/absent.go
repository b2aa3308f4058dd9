package mqtt

import (
	"slices"
	"time"

	"envoyd/internal/reading"
)

// How long what is missing is waited for.
const (
	// missingFor: others of its kind are reported and it is not. A little
	// more than two polls of the inverters, for an answer that was cut short.
	missingFor = 3 * time.Minute
	// allMissingFor: none of its kind is reported. Some firmware gives empty
	// lists at night, and nobody loses all inverters for less than a day.
	allMissingFor = 24 * time.Hour
	// keyUnknownFor: a value was announced and nobody has known it since, in
	// days of which the last two were watched without a break.
	keyUnknownFor = 30 * 24 * time.Hour
	watchedFor    = 48 * time.Hour
)

// retireMissing takes back what has gone from the installation. Only a fresh
// local reading can say so: the cloud does not know meters, and a gateway that
// is away knows nothing.
func (f *feed) retireMissing(now time.Time) {
	if !f.fresh(now) || f.latest.Source != reading.Local {
		return
	}
	for _, kind := range thingKinds() {
		present := presentIDs(f.latest, kind)
		patience := missingFor
		if len(present) == 0 {
			patience = allMissingFor
		}
		for _, id := range sortedThings(f.memory.Things, kind) {
			since, noted := f.missing[id]
			switch {
			case slices.Contains(present, id):
				delete(f.missing, id)
			case !noted:
				f.missing[id] = now
			case now.Sub(since) >= patience:
				f.retire(id)
			}
		}
	}
}

// retire empties the topics of a thing and forgets it.
func (f *feed) retire(id string) {
	f.p.log.Info("a device is gone", "gateway", f.gateway, "device", id)
	t := f.memory.Things[id]
	delete(f.memory.Things, id)
	delete(f.missing, id)
	delete(f.unsaid, id)
	delete(f.told.documents, id)
	if isMeter(id) {
		own := f.memory.thing("")
		for _, c := range componentsOf(id) {
			if _, announced := t.Keys[c.key]; announced {
				own.drop(meterPrefix(id)+c.key, c.on())
			}
		}
		f.unsaid[""] = true
		delete(f.told.meters, id)
	} else {
		delete(f.told.inverters, serialOf(id))
		delete(f.told.batteries, serialOf(id))
		delete(f.told.controllers, serialOf(id))
	}
	f.p.memory.changed = true
	for _, topic := range f.p.topics.ofThing(f.gateway, id) {
		f.p.memory.retire(topic)
		f.put(f.p.retirement(topic))
	}
}

// retirement empties a retained topic, and is remembered until it has.
func (p *Publisher) retirement(topic string) message {
	return message{topic: topic, qos: 1, settled: func() { p.memory.retired(topic) }}
}

// retireExpired takes back entities whose value nobody has known for long:
// once a day is enough.
func (f *feed) retireExpired(now time.Time) {
	today := day(now)
	if f.expired == today || !f.fresh(now) || f.latest.Source != reading.Local || now.Sub(f.p.since) < watchedFor {
		return
	}
	f.expired = today
	limit := day(now.Add(-keyUnknownFor))
	for id, t := range f.memory.Things {
		platform := map[string]string{}
		for _, c := range componentsOf(id) {
			platform[c.key] = c.on()
		}
		for _, key := range t.expired(limit) {
			f.p.memory.changed = true
			f.unsaid[f.documentOf(id)] = true
			if isMeter(id) {
				f.memory.thing("").drop(meterPrefix(id)+key, platform[key])
			} else {
				t.drop(key, platform[key])
			}
		}
	}
}

// moved empties what earlier runs published under other names, if the topic or
// the prefix of the configuration has changed since.
func (m *memory) moved(now topics) {
	was := topics{base: m.file.Topic, prefix: m.file.Prefix}
	m.file.Topic, m.file.Prefix = now.base, now.prefix
	m.changed = m.changed || was != now
	if was.base != "" && was.base != now.base {
		m.retire(was.status())
	}
	for gateway, g := range m.file.Gateways {
		for id := range g.Things {
			for _, topic := range was.ofThing(gateway, id) {
				if !slices.Contains(now.ofThing(gateway, id), topic) && was.base != "" {
					m.retire(topic)
				}
			}
		}
	}
}

// leave empties everything of gateways that are no longer configured.
func (m *memory) leave(t topics, exist []string) {
	if len(exist) == 0 {
		return
	}
	for gateway, g := range m.file.Gateways {
		if slices.Contains(exist, gateway) {
			continue
		}
		for id := range g.Things {
			m.retire(t.ofThing(gateway, id)...)
		}
		delete(m.file.Gateways, gateway)
		m.changed = true
	}
}
