package mqtt

import (
	"time"

	"envoyd/internal/reading"
)

// Paces that are not configured.
const (
	powerRepeat = 10 * time.Second // a good local power is said again, for those who take silence for an outage
	energyPace  = 10 * time.Second
	meterPace   = 10 * time.Second
	// goodFor is the outermost age of a reading called good that nobody
	// renewed or called stale: the longest the contract lets a source be
	// silent, and a little.
	goodFor = 50 * time.Minute
)

// feed is one gateway during one connection: what it said last, and what the
// broker has been told of it. It keeps no clock; the session gives the time.
type feed struct {
	p       *Publisher
	gateway string
	put     func(message)

	powerTopic string
	memory     *gatewayMemory
	author     author
	fields     []stateField

	latest  *reading.Reading // nil before the first
	arrived time.Time
	facts   GatewayFacts
	unsaid  map[string]bool      // things whose document must be looked at
	missing map[string]time.Time // remembered things that the readings lack, and since when
	expired string               // day on which keys were last looked through

	told  told
	power powerTold
}

// told is what the broker has been told. Its zero value is nothing, which is
// where each connection and each birth of Home Assistant begins.
type told struct {
	documents map[string]string // by thing
	status    string
	state     []byte
	gateway   []byte
	energy    energies
	storage   reading.Storage
	stateAt   time.Time
	energyAt  time.Time
	metersAt  time.Time

	meters      map[string]reading.Meter
	inverters   map[string]reading.Inverter
	batteries   map[string]reading.Battery
	controllers map[string]reading.Controller
}

type energies struct{ lifetime, today reading.Energy }

// powerTold is kept apart: power is not said again when Home Assistant starts.
type powerTold struct {
	measured time.Time // of the last power message
	sent     time.Time
}

func newFeed(p *Publisher, gateway string, put func(message)) *feed {
	g := p.memory.gateway(gateway)
	f := &feed{
		p: p, gateway: gateway, put: put, powerTopic: p.topics.of(gateway, "power"), memory: g, fields: stateFields(),
		author:  author{topics: p.topics, names: p.cfg.HA.Names, version: p.cfg.Version, gateway: gateway, memory: g},
		unsaid:  map[string]bool{},
		missing: map[string]time.Time{},
	}
	f.forget()
	return f
}

// forget makes everything but power be said again.
func (f *feed) forget() {
	f.told = told{
		documents:   map[string]string{},
		meters:      map[string]reading.Meter{},
		inverters:   map[string]reading.Inverter{},
		batteries:   map[string]reading.Battery{},
		controllers: map[string]reading.Controller{},
	}
	for id := range f.memory.Things {
		f.unsaid[id] = true
	}
	f.unsaid[""] = true
}

// take makes r the newest reading.
func (f *feed) take(r *reading.Reading, now time.Time) {
	if f.latest == nil {
		f.told.stateAt = time.Time{} // do not let the first one wait
	}
	f.latest, f.arrived = r, now
}

// fresh reports whether power may be called current.
func (f *feed) fresh(now time.Time) bool {
	return f.latest != nil && f.latest.Quality == reading.Good && now.Sub(f.arrived) < goodFor
}

// view is what the gateway's own entities are made of now.
func (f *feed) view() *view {
	r := f.latest
	if r == nil {
		r = &reading.Reading{}
	}
	return &view{r: r, facts: f.facts}
}

// work publishes what is due, documents before what they describe, and returns
// when to come again.
func (f *feed) work(now time.Time) time.Time {
	tick := !now.Before(f.told.stateAt.Add(f.p.cfg.HA.Interval))
	if tick {
		f.told.stateAt = now
		f.lookAround(now)
	}
	elements, next := f.news(now)
	for i := range elements {
		f.learnElement(&elements[i], now)
	}
	f.announce()
	f.tellStatus(now)
	if tick {
		f.tellState()
	}
	next = earliest(next, f.told.stateAt.Add(f.p.cfg.HA.Interval))
	if f.latest != nil {
		next = earliest(next, f.tellEnergy(now))
		f.tellStorage()
	}
	for i := range elements {
		f.tellElement(&elements[i])
	}
	if f.fresh(now) {
		next = earliest(next, f.arrived.Add(goodFor))
	}
	return next
}

// earliest returns the earlier of two times; the zero time means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (f *feed) say(what string, payload []byte, qos byte) {
	f.put(message{topic: f.p.topics.of(f.gateway, what), payload: payload, qos: qos})
}

func (f *feed) tellStatus(now time.Time) {
	status := offline
	if f.fresh(now) {
		status = online
	}
	if status != f.told.status {
		f.told.status = status
		f.say("status", []byte(status), 1)
	}
}

// tellState says the state and who the gateway is. Without a reading there is
// something to say only when there is a problem.
func (f *feed) tellState() {
	if f.latest == nil && !f.facts.Problem {
		return
	}
	v := f.view()
	if state := statePayload(f.fields, f.memory.thing("").Keys, v); string(state) != string(f.told.state) {
		f.told.state = state
		f.say("state", state, 1)
	}
	if gateway := gatewayPayload(v.r, f.facts); string(gateway) != string(f.told.gateway) {
		f.told.gateway = gateway
		f.say("gateway", gateway, 1)
	}
}

func (f *feed) tellEnergy(now time.Time) (next time.Time) {
	e := energies{f.latest.Energy, f.latest.Today}
	if e == f.told.energy {
		return time.Time{}
	}
	if due := f.told.energyAt.Add(energyPace); now.Before(due) {
		return due
	}
	f.told.energy, f.told.energyAt = e, now
	f.say("energy", energyPayload(f.latest), 1)
	return time.Time{}
}

func (f *feed) tellStorage() {
	if s := f.latest.Storage; s != f.told.storage {
		f.told.storage = s
		f.say("storage", marshal(s), 1)
	}
}

// news lists the meters, inverters, batteries and controllers that have
// changed and may be said, and when there may be more.
func (f *feed) news(now time.Time) (elements []element, next time.Time) {
	r := f.latest
	if r == nil {
		return nil, time.Time{}
	}
	elements, next = f.meterNews(now)
	for _, v := range r.Inverters {
		if changed(f.told.inverters, v.Serial, v, sameInverter) {
			elements = append(elements, inverterElement(v))
		}
	}
	for _, v := range r.Batteries {
		if changed(f.told.batteries, v.Serial, v, sameBattery) {
			elements = append(elements, batteryElement(v))
		}
	}
	for _, v := range r.Controllers {
		if changed(f.told.controllers, v.Serial, v, sameController) {
			elements = append(elements, controllerElement(v))
		}
	}
	return elements, next
}

func (f *feed) meterNews(now time.Time) (elements []element, next time.Time) {
	due := f.told.metersAt.Add(meterPace)
	for _, m := range f.latest.Meters {
		id := meterID(&m)
		if old, told := f.told.meters[id]; told && sameMeter(old, m) {
			continue
		}
		if now.Before(due) {
			return elements, due
		}
		f.told.meters[id] = m
		f.told.metersAt = now
		elements = append(elements, meterElement(m))
	}
	return elements, time.Time{}
}

// changed notes v as told and reports whether it was not.
func changed[T any](told map[string]T, serial string, v T, same func(a, b T) bool) bool {
	if old, known := told[serial]; known && same(old, v) {
		return false
	}
	told[serial] = v
	return true
}

func (f *feed) tellElement(e *element) {
	var qos byte = 1
	if e.serial == "" {
		qos = 0 // a meter comes again in ten seconds
	}
	f.say(e.id, withNulls(e.payload, componentsOf(e.id), f.memory.thing(e.id).Keys, e.known), qos)
}
