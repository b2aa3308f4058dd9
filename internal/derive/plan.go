package derive

import (
	"slices"
	"time"
)

// Quantity names what a source serves.
type Quantity string

// The quantities that a plan assigns a source to.
const (
	Production       Quantity = "production"        // W
	Battery          Quantity = "battery"           // W
	Generator        Quantity = "generator"         // W
	Grid             Quantity = "grid"              // W
	House            Quantity = "house"             // W
	ProductionEnergy Quantity = "production energy" // Wh
	GridEnergy       Quantity = "grid energy"       // Wh
	BatteryEnergy    Quantity = "battery energy"    // Wh
	HouseEnergy      Quantity = "house energy"      // Wh
)

// quantities in the order in which they are derived and shown.
var quantities = []Quantity{
	Production, Battery, Generator, Grid, House,
	ProductionEnergy, GridEnergy, BatteryEnergy, HouseEnergy,
}

// Plan says which source serves which quantity. It is made once after a probe
// and changed only by another one.
type Plan struct {
	// Quirks are the known defects that apply to this system.
	Quirks []Quirk
	// UnknownFirmware says that this firmware family was never seen: the
	// general rules read it.
	UnknownFirmware bool

	id     Identity
	facts  *facts
	chosen map[Quantity]source
}

// MakePlan chooses the sources by what the probe brought in.
func MakePlan(s *Snapshot) Plan {
	f := learn(s)
	p := Plan{id: s.id, facts: f, chosen: map[Quantity]source{}, UnknownFirmware: !isKnown(s.fw)}
	for _, src := range slices.Concat(powerSources, energySources) {
		if _, taken := p.chosen[src.of]; !taken && !f.undecided && src.when(f) {
			p.chosen[src.of] = src
		}
	}
	for _, q := range allQuirks() {
		if q.applies(f) {
			p.Quirks = append(p.Quirks, q)
		}
	}
	return p
}

// Source returns the name of the source that serves a quantity, "" when none.
func (p Plan) Source(of Quantity) string {
	return p.chosen[of].name
}

// Serves reports whether the plan gives any power or energy at all.
func (p Plan) Serves() bool { return len(p.chosen) > 0 }

// Equal reports whether both plans ask the same endpoints and choose the same
// sources.
func (p Plan) Equal(other Plan) bool {
	if p.id != other.id || (p.facts == nil) != (other.facts == nil) {
		return false
	}
	if p.facts == nil {
		return true
	}
	for _, of := range quantities {
		if p.Source(of) != other.Source(of) {
			return false
		}
	}
	samePath := func(a, b Endpoint) bool { return a.Path == b.Path }
	return slices.Equal(p.facts.cts, other.facts.cts) &&
		p.facts.encharge == other.facts.encharge && p.facts.acb == other.facts.acb &&
		slices.EqualFunc(p.Endpoints(), other.Endpoints(), samePath)
}

// Endpoints returns what to poll from now on. An endpoint of tier Live is
// among them when the gateway has it; whether to ask is the configuration's.
func (p Plan) Endpoints() []Endpoint {
	if p.facts == nil {
		return nil
	}
	var polled []Endpoint
	for _, e := range endpoints {
		if !p.facts.answered[e.Path] || e.serves != nil && !e.serves(&p) {
			continue
		}
		if e.Path == pathProduction && p.facts.from == fromPage {
			e.Tier = Meters // it serves the CTs here; AtLeast still holds
		}
		polled = append(polled, e)
	}
	return polled
}

// Open returns the endpoints that ought to have been probed and about which
// nothing is known yet: neither an answer nor that they are missing. While
// there are any, collect should ask them and plan again; those of a tier that
// is off are the caller's to leave out.
func (p Plan) Open(s *Snapshot) []Endpoint {
	var open []Endpoint
	for _, e := range Endpoints(s.id) {
		if e.Worth(s) && s.open(e.Path) {
			open = append(open, e)
		}
	}
	return open
}

// Outdated says why the newest answers no longer fit the plan, "" while they
// do: a CT was enabled or disabled, a battery appeared. The caller decides
// when to probe again, into a new Snapshot: an answer of [] may be a gateway
// that just started, and firmware 8.3.5528 calls a healthy CT inactive now and
// then.
func (p Plan) Outdated(s *Snapshot) string {
	if p.facts == nil {
		return "nothing was probed"
	}
	now := learn(s)
	switch {
	case s.meters.have && p.facts.from != fromPage && !slices.Equal(now.cts, p.facts.cts):
		return "the enabled CTs changed"
	case p.facts.from == fromPage && s.production.have && !activeStill(s, p.facts.cts):
		return "production.json calls a CT inactive"
	case p.facts.batteryOpen && !now.batteryOpen:
		return "it is known by now whether there are batteries"
	case s.ensemble.have && now.encharge != p.facts.encharge:
		return "IQ Batteries came or went"
	case now.acb && !p.facts.acb:
		return "AC Batteries appeared"
	case now.v1Empty != p.facts.v1Empty && now.standard() && s.v1.have:
		return "/api/v1/production began or ceased to count"
	case now.enpower != p.facts.enpower && s.ensemble.have:
		return "a System Controller came or went"
	}
	return ""
}

// activeStill reports whether production.json shows every CT as active.
func activeStill(s *Snapshot, cts []ct) bool {
	for _, c := range cts {
		if _, ok := s.production.is.CT(c.kind); !ok {
			return false
		}
	}
	return true
}

// FreshFor returns how old power may be and still be called good: a CT
// measures each second, inverters report each 5 to 15 minutes.
func (p Plan) FreshFor() time.Duration {
	if p.facts != nil && p.facts.metered() {
		return 30 * time.Second
	}
	return 45 * time.Minute
}

func (p *Plan) hasBattery() bool { return p.facts.hasBattery() }

func (p *Plan) uses(of Quantity, name string) bool { return p.chosen[of].name == name }

// usesProductionPage: the slow page is polled only for what nothing native gives.
func (p *Plan) usesProductionPage() bool {
	return p.facts.from == fromPage || p.facts.acb || !p.facts.enabled["production"]
}
