package derive

import (
	"fmt"
	"time"

	"envoyd/internal/answer"
)

// kept is the newest good answer of an endpoint and when we received it.
type kept[T any] struct {
	is   T
	at   time.Time
	have bool
	// every is the time since the answer before.
	every time.Duration
}

// stateAge is how old the state of batteries and relays may be: the gateway is
// left alone for 13 minutes around 23:00 (fact sheet 6).
const stateAge = 15 * time.Minute

// current reports whether the answer still tells how things are: it is not
// older than stateAge, or than two polls where these are further apart.
func (k kept[T]) current(now time.Time) bool {
	return k.have && now.Sub(k.at) <= max(stateAge, 2*k.every)
}

// Snapshot holds the newest parsed answer of each endpoint. It is not safe for
// concurrent use.
type Snapshot struct {
	id      Identity
	fw      version
	missing map[string]bool // endpoints that this gateway does not have

	home       kept[answer.Home]
	meters     kept[[]answer.Meter]
	readings   kept[[]answer.MeterReading]
	reports    kept[[]answer.Report]
	production kept[answer.Production]
	page       kept[answer.Page]
	v1         kept[answer.V1]
	inverters  kept[[]answer.InverterReport]
	devices    kept[answer.DeviceData]
	pdm        kept[answer.PDMEnergy]
	ensemble   kept[answer.Ensemble]
	power      kept[[]answer.BatteryPower]
	secctrl    kept[answer.SecCtrl]
	generator  kept[answer.Generator]
	genConfig  kept[answer.GenConfig]
	inventory  kept[answer.Inventory]
	tariff     kept[answer.Tariff]
	live       kept[answer.LiveData]

	// active are the CT items of production.json as they were while
	// activeCount was last above 0: firmware 8.3.5528 says 0 now and then for
	// a healthy CT, and that must not look like a CT that is gone.
	active map[string]answer.Item

	odd    map[string]time.Time // CTs whose active power is beyond the apparent, and since when; zero for always
	doubt  doubt                // whether zeros are the night's or a restart's
	past   past
	charge map[answer.Serial]charge // what each battery last said, "" all together

	evidence evidence // what the production CT has shown that it can do

	// fleet is what installedInverters worked out, until an answer that
	// matters for it comes in.
	fleet   []installed
	horizon horizon
}

// NewSnapshot returns an empty snapshot of the gateway.
func NewSnapshot(id Identity) *Snapshot {
	return &Snapshot{
		id: id, fw: versionOf(id.Firmware),
		missing: map[string]bool{}, active: map[string]answer.Item{},
	}
}

// Put parses an answer and keeps it. When it cannot be parsed the older answer
// stays; the error wraps answer.ErrShape. A path outside Endpoints is an error.
func (s *Snapshot) Put(path string, body []byte, received time.Time) error {
	e, ok := endpointAt(path)
	if !ok {
		return fmt.Errorf("keeping the answer of %s: no such endpoint in the table", path)
	}
	if err := e.keep(s, body, received); err != nil {
		return fmt.Errorf("parsing the answer of %s: %w", path, err)
	}
	delete(s.missing, path)
	if wh, ok := s.lifetimeAt(path); ok && s.doubt.hear(path, wh, received) && !reportsPower(s.inverters.is) {
		s.inverters, s.fleet, s.past.shone = dimmed(s.inverters), nil, true
	}
	s.changed(e)
	return nil
}

// Missing records that the gateway does not have the endpoint (404, or the
// token's role is too low) and forgets an older answer of it.
func (s *Snapshot) Missing(path string) {
	if e, ok := endpointAt(path); ok {
		e.forget(s)
		s.missing[path] = true
		s.changed(e)
	}
}

// changed drops what was worked out of older answers. The meters, which answer
// each second, say nothing of the inverters.
func (s *Snapshot) changed(e Endpoint) {
	if e.Tier != Meters {
		s.fleet = nil
	}
}

// Answered reports whether a good answer of the endpoint is kept.
func (s *Snapshot) Answered(path string) bool {
	e, ok := endpointAt(path)
	return ok && e.has(s)
}

// Timezone returns the gateway's IANA zone name, or "" while it is unknown.
func (s *Snapshot) Timezone() string { return string(s.home.is.Timezone) }

// open reports whether nothing is known of the endpoint: neither an answer nor
// that it is missing.
func (s *Snapshot) open(path string) bool { return !s.missing[path] && !s.Answered(path) }

// slot ties an endpoint to its parser and its place in the snapshot.
type slot struct {
	keep   func(s *Snapshot, body []byte, received time.Time) error
	forget func(s *Snapshot)
	has    func(s *Snapshot) bool
}

func slotOf[T any](parse func([]byte) (T, error), at func(*Snapshot) *kept[T]) slot {
	return slot{
		keep: func(s *Snapshot, body []byte, received time.Time) error {
			is, err := parse(body)
			if err != nil {
				return err
			}
			before := *at(s)
			*at(s) = kept[T]{is: is, at: received, have: true}
			if before.have {
				at(s).every = received.Sub(before.at)
			}
			s.remember()
			return nil
		},
		forget: func(s *Snapshot) { *at(s) = kept[T]{} },
		has:    func(s *Snapshot) bool { return at(s).have },
	}
}

// remember keeps the CT items of production.json that are active at present.
func (s *Snapshot) remember() {
	for _, kind := range ctKinds {
		if item, ok := s.production.is.CT(kind); ok {
			s.active[kind] = item
		}
	}
}

// ctKinds are the CTs that production.json knows.
var ctKinds = []string{answer.KindProduction, answer.KindNet, answer.KindTotal}
