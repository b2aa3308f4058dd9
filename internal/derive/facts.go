package derive

import (
	"maps"
	"slices"

	"envoyd/internal/answer"
)

// origin says which endpoint the CTs are read from.
type origin string

// Origins in order of preference (fact sheet 5.6).
const (
	fromNothing  origin = ""
	fromReadings origin = "readings"
	fromReports  origin = "reports"
	fromPage     origin = "production.json"
)

// ct is an enabled CT position, as the probe found it.
type ct struct {
	eid    answer.Int
	kind   string
	phases int
}

// facts is what a probe found: the conditions of the rules speak of nothing else.
type facts struct {
	fw          version
	imeter      bool
	from        origin
	cts         []ct
	enabled     map[string]bool // kinds of CT that count
	disabledCT  bool
	encharge    bool
	acb         bool
	batteryOpen bool // there may be a battery of which nothing is known yet
	lostStorage bool // a storage CT is enabled, and nothing reads it
	enpower     bool
	generator   bool
	v1          bool // api/v1 answered
	v1Empty     bool // with energies that are all 0
	devices     bool // device_data lists every inverter with its energy
	devicesCut  bool
	pdm         bool
	inverterSum bool // production.json has the inverters' sum
	page        bool // the HTML page of 3.x
	undecided   bool // whether CTs count is not known before production.json answers
	quirks      map[string]bool
	missing     map[string]bool
	answered    map[string]bool
}

// learn collects the facts of a snapshot.
func learn(s *Snapshot) *facts {
	f := &facts{
		fw: s.fw, imeter: s.id.IMeter,
		enabled: map[string]bool{}, quirks: map[string]bool{},
		missing: maps.Clone(s.missing), answered: map[string]bool{},
	}
	f.learnCTs(s)
	f.learnStorage(s)
	f.v1 = s.v1.have
	f.v1Empty = s.v1.have && s.v1.is.Empty() && !s.doubt.counts[pathV1]
	f.devices = s.devices.have && s.devices.is.Complete() && len(energyOf(s)) > 0
	f.devicesCut = s.devices.have && !s.devices.is.Complete()
	f.pdm = s.pdm.have && s.pdm.is.PCU.LifetimeWh.Or(0) > 0
	_, f.inverterSum = s.production.is.Inverters()
	f.page = s.page.have
	f.undecided = s.id.IMeter && !s.meters.have && len(s.active) == 0 &&
		!s.fw.before("4") && s.open(pathProduction)
	for _, e := range endpoints {
		f.answered[e.Path] = e.has(s) && !s.missing[e.Path]
	}
	for _, q := range quirks {
		if q.applies(f) {
			f.quirks[q.Name] = true
		}
	}
	return f
}

// learnCTs decides which CTs count and where they are read. Where /ivp/meters
// did not answer, production.json's activeCount says what is enabled.
func (f *facts) learnCTs(s *Snapshot) {
	for _, m := range s.meters.is {
		if m.State != answer.StateEnabled || m.Kind == "" {
			f.disabledCT = f.disabledCT || m.State == answer.StateDisabled
			continue
		}
		listed := slices.ContainsFunc(f.cts, func(c ct) bool { return c.kind == string(m.Kind) })
		if !listed { // a kind twice was never seen; counting both under one name would be wrong
			f.cts = append(f.cts, ct{m.EID, string(m.Kind), int(min(max(m.PhaseCount, 1), 3))})
		}
	}
	switch {
	case len(f.cts) > 0 && s.readings.have:
		f.from = fromReadings
	case len(f.cts) > 0 && s.reports.have:
		f.from = fromReports
	case len(f.cts) == 0 && s.meters.have:
		return // none is enabled: what production.json shows is not to be believed
	case len(s.active) > 0:
		f.from = fromPage
	default:
		return
	}
	if len(f.cts) == 0 {
		for _, kind := range ctKinds {
			if _, active := s.active[kind]; active {
				f.cts = append(f.cts, ct{kind: kind})
			}
		}
		f.dropComputedTotal()
	}
	if f.from != fromReadings { // nothing else knows of storage and sub-meters
		f.lostStorage = slices.ContainsFunc(f.cts, func(c ct) bool { return c.kind == answer.KindStorage })
		f.cts = slices.DeleteFunc(f.cts, func(c ct) bool { return !slices.Contains(ctKinds, c.kind) })
	}
	for _, c := range f.cts {
		f.enabled[c.kind] = true
	}
}

// dropComputedTotal: with a net CT production.json shows a total-consumption
// that no CT measured.
func (f *facts) dropComputedTotal() {
	hasNet := slices.ContainsFunc(f.cts, func(c ct) bool { return c.kind == answer.KindNet })
	if hasNet {
		f.cts = slices.DeleteFunc(f.cts, func(c ct) bool { return c.kind == answer.KindTotal })
	}
}

func (f *facts) learnStorage(s *Snapshot) {
	f.encharge = len(s.ensemble.is[answer.GroupEncharge]) > 0 || !s.ensemble.have && len(s.power.is) > 0
	f.acb = len(acbSerials(s)) > 0
	if _, ok := s.production.is.ACB(); ok {
		f.acb = true
	}
	f.enpower = len(s.ensemble.is[answer.GroupEnpower]) > 0
	f.generator = s.genConfig.is.Exists && f.enpower
	f.batteryOpen = !f.fw.before("5") && s.open(pathEnsemble) ||
		f.lostStorage && !f.encharge && !f.acb
}

// standard: no enabled CT measures production.
func (f *facts) standard() bool { return !f.enabled[answer.KindProduction] }

// v1OfLostCT: from 8.2.4264 on api/v1 of a gateway with metering hardware keeps
// the last values of a CT that was taken off.
func (f *facts) v1OfLostCT() bool { return f.imeter && f.quirk(quirkV1Stale) }

func (f *facts) metered() bool { return len(f.cts) > 0 && f.from != fromNothing }

func (f *facts) netCT() bool { return f.enabled[answer.KindNet] }

// totalCT: the house is measured and the grid is not.
func (f *facts) totalCT() bool { return f.enabled[answer.KindTotal] && !f.netCT() }

func (f *facts) hasBattery() bool { return f.encharge || f.acb || f.enabled[answer.KindStorage] }

// pairs reports whether the CTs' two counters are to be had: only the
// readings keep delivered and received apart.
func (f *facts) pairs() bool { return f.from == fromReadings }

func (f *facts) quirk(name string) bool { return f.quirks[name] }
