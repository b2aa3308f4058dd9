package derive_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/answer"
	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

func paths(endpoints []derive.Endpoint) []string {
	var all []string
	for _, e := range endpoints {
		all = append(all, e.Path)
	}
	return all
}

func TestEndpointsByFirmware(t *testing.T) {
	for fw, want := range map[string]struct{ has, hasNot string }{
		"D3.7.0":    {"/production", "/api/v1/production"},
		"R3.9.36":   {"/api/v1/production/inverters", "/production.json?details=1"},
		"D5.0.62":   {"/production.json?details=1", "/ivp/livedata/status"},
		"D7.6.175":  {"/ivp/ensemble/power", "/ivp/pdm/device_data"},
		"D8.3.5289": {"/ivp/pdm/device_data", "/production"},
		"":          {"/ivp/pdm/device_data", "/production"},
	} {
		got := paths(derive.Endpoints(identity(fw)))
		if !slices.Contains(got, want.has) || slices.Contains(got, want.hasNot) {
			t.Errorf("firmware %q: %q", fw, got)
		}
	}
}

func TestSlowPagesAreAskedAtMostOnceAMinute(t *testing.T) {
	for _, e := range derive.Endpoints(identity("8.3.5289")) {
		ui := strings.Contains(e.Path, "production.json") || strings.HasPrefix(e.Path, "/home") ||
			strings.HasPrefix(e.Path, "/inventory") || strings.HasPrefix(e.Path, "/admin")
		if e.Slow != ui || e.Slow && e.AtLeast < time.Minute || e.AtLeast < time.Second {
			t.Errorf("%s: slow %v, at least %v", e.Path, e.Slow, e.AtLeast)
		}
	}
}

func TestMeteredHouseNeedsNoSlowPage(t *testing.T) {
	p, _ := metered.read(t, identity("D8.2.4345"))
	want := []string{"/ivp/meters", "/ivp/meters/readings", "/ivp/ensemble/inventory", "/api/v1/production/inverters"}
	if diff := cmp.Diff(want, paths(p.Endpoints())); diff != "" {
		t.Error(diff)
	}
}

func TestPlanSaysInWordsWhatServes(t *testing.T) {
	p, _ := withEncharge.read(t, identity("D8.2.4345"))
	lines := p.Lines()
	for _, want := range []string{"grid: CT net-consumption", "house: production + grid + battery", "battery energy: integrated from power"} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is not among %q", want, lines)
		}
	}
	p, _ = metered.read(t, identity("D9.1.7"))
	if !p.UnknownFirmware || !strings.Contains(p.Lines()[len(p.Lines())-1], "/ivp/meters/readings") {
		t.Errorf("unknown firmware: %q", p.Lines())
	}
	empty, r := answers{}.read(t, identity("D8.2.4345"))
	if empty.Serves() || len(empty.Lines()) == 0 || len(r.Counters) != 0 {
		t.Errorf("nothing answered: %q", empty.Lines())
	}
}

func TestPlanEqual(t *testing.T) {
	a, _ := metered.read(t, identity("D8.2.4345"))
	b, _ := metered.read(t, identity("D8.2.4345"))
	c, _ := withEncharge.read(t, identity("D8.2.4345"))
	if !a.Equal(b) || a.Equal(c) || a.Equal(derive.Plan{}) || !(derive.Plan{}).Equal(derive.Plan{}) {
		t.Error("plans compare wrongly")
	}
}

func TestZeroPlanDerivesNothing(t *testing.T) {
	r := derive.Plan{}.Derive(derive.NewSnapshot(identity("")), derive.Clock{}, noon)
	if r.Reading.Quality != reading.Stale || len(r.Counters) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestBadAnswerLeavesTheOldOne(t *testing.T) {
	s := metered.probe(t, identity("D8.2.4345"))
	err := s.Put("/ivp/meters/readings", []byte("<html>"), noon)
	if !errors.Is(err, answer.ErrShape) || !s.Answered("/ivp/meters/readings") {
		t.Errorf("%v", err)
	}
	if err := s.Put("/ivp/mod/603980032/mode/power", []byte("{}"), noon); err == nil {
		t.Error("an endpoint outside the table was taken")
	}
	s.Missing("/ivp/meters/readings")
	if s.Answered("/ivp/meters/readings") {
		t.Error("a missing endpoint still answers")
	}
}

func TestZoneOfTheGateway(t *testing.T) {
	_, r := metered.read(t, identity("D8.2.4345"))
	s := metered.with(answers{"/home": `{"timezone":"US/Central","network":{"web_comm":true}}`}).probe(t, identity("D8.2.4345"))
	if s.Timezone() != "US/Central" || r.Hold {
		t.Errorf("zone %q", s.Timezone())
	}
}

// pageCTs is a metered gateway whose native meters do not answer.
var pageCTs = answers{
	"/production.json?details=1": ctPage(1),
	"/ivp/ensemble/inventory":    "[]",
}

func ctPage(active int) string {
	return strings.ReplaceAll(`{"production":[{"type":"inverters","wNow":11,"whLifetime":12,"readingTime":1782043200},
		{"type":"eim","activeCount":#,"measurementType":"production","readingTime":1782043200,"wNow":3000,"whLifetime":5000000}],
		"consumption":[{"type":"eim","activeCount":#,"measurementType":"total-consumption","readingTime":1782043200,"wNow":2000,"whLifetime":1},
		{"type":"eim","activeCount":#,"measurementType":"net-consumption","readingTime":1782043200,"wNow":-1000,"whLifetime":2000000}]}`,
		"#", string(rune('0'+active)))
}

func TestOneInactiveAnswerChangesNoSource(t *testing.T) {
	s := pageCTs.probe(t, identity("D8.3.5528"))
	p := derive.MakePlan(s)
	put(t, s, "/production.json?details=1", ctPage(0), noon.Add(time.Minute))
	during := p.Derive(s, derive.Clock{}, noon.Add(time.Minute))
	if during.Reading.Power != (reading.Power{}) || len(during.Counters) > 0 || len(during.Accounts) == 0 {
		t.Errorf("of inactive CTs: %+v, counters %+v, accounts %+v", during.Reading.Power, during.Counters, during.Accounts)
	}
	if p.Outdated(s) == "" {
		t.Error("an inactive CT is not noticed")
	}
	put(t, s, "/production.json?details=1", ctPage(1), noon.Add(2*time.Minute))
	if reason := p.Outdated(s); reason != "" {
		t.Errorf("still outdated: %s", reason)
	}
}

func TestDisabledMeterStopsCounting(t *testing.T) {
	s := metered.probe(t, identity("D8.2.4345"))
	p := derive.MakePlan(s)
	put(t, s, "/ivp/meters", list(meter(eidProduction, "enabled", "production", 2), meter(eidConsumption, "disabled", "net-consumption", 2)), noon)
	wantPower(t, p.Derive(s, derive.Clock{}, noon).Reading.Power, map[string]float64{"production_w": 3000})
	if p.Outdated(s) == "" {
		t.Error("a disabled CT asks for no new plan")
	}
	put(t, s, "/ivp/meters", "[]", noon)
	if r := p.Derive(s, derive.Clock{}, noon); !r.Reading.Power.GridW.Known() || p.Source(derive.Grid) == "" {
		t.Error("an empty list after a start lost the CTs")
	}
}

func TestNoSourceBeforeTheSlowPageWhereItDecides(t *testing.T) {
	s := derive.NewSnapshot(identity("D7.3.517"))
	put(t, s, "/api/v1/production/inverters", list(inverter("1", noon, 1, 100)), noon)
	s.Missing("/ivp/meters")
	if p := derive.MakePlan(s); p.Serves() {
		t.Errorf("inverters serve although CTs may: %q", p.Lines())
	}
	put(t, s, "/production.json?details=1", ctPage(1), noon)
	if p := derive.MakePlan(s); p.Source(derive.Production) != "CT production" {
		t.Errorf("plan %q", p.Lines())
	}
}
