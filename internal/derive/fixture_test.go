package derive_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
)

// noon is when the fixtures were measured, on a gateway clock that agrees with ours.
var noon = time.Date(2026, 6, 21, 12, 0, 0, 0, time.UTC)

// answers is a small gateway of our own: bodies by path; what is not listed is
// missing.
type answers map[string]string

// with returns the answers with some replaced; an empty body removes one.
func (a answers) with(more answers) answers {
	all := maps.Clone(a)
	for path, body := range more {
		all[path] = body
		if body == "" {
			delete(all, path)
		}
	}
	return all
}

func identity(fw string) derive.Identity {
	return derive.Identity{Serial: "122333444555", Firmware: fw, IMeter: true, WebTokens: true}
}

// probe asks the fixture as collect asks a gateway.
func (a answers) probe(tb testing.TB, id derive.Identity) *derive.Snapshot {
	tb.Helper()
	s := derive.NewSnapshot(id)
	for _, e := range derive.Endpoints(id) {
		body, ok := a[e.Path]
		switch {
		case !e.Worth(s):
		case !ok:
			s.Missing(e.Path)
		default:
			put(tb, s, e.Path, body, noon)
		}
	}
	return s
}

func put(tb testing.TB, s *derive.Snapshot, path, body string, at time.Time) {
	tb.Helper()
	if err := s.Put(path, []byte(body), at); err != nil {
		tb.Fatal(err)
	}
}

// read probes, plans and derives.
func (a answers) read(tb testing.TB, id derive.Identity) (derive.Plan, derive.Result) {
	tb.Helper()
	s := a.probe(tb, id)
	p := derive.MakePlan(s)
	return p, p.Derive(s, derive.Clock{}, noon)
}

// meter and values write /ivp/meters and /ivp/meters/readings.
func meter(eid int, state, kind string, phases int) string {
	return fmt.Sprintf(`{"eid":%d,"state":%q,"measurementType":%q,"phaseMode":"split","phaseCount":%d,"meteringStatus":"normal","statusFlags":[]}`,
		eid, state, kind, phases)
}

func values(eid int, powerW, delivered, received float64) string {
	return fmt.Sprintf(`{"eid":%d,"timestamp":%d,"actEnergyDlvd":%g,"actEnergyRcvd":%g,"activePower":%g,"apparentPower":%g,"voltage":240,"freq":60,"channels":[]}`,
		eid, noon.Unix(), delivered, received, powerW, powerW)
}

// valuesAt is a CT's answer of a moment, with its apparent power.
func valuesAt(eid int, at time.Time, powerW, apparentVA float64) string {
	return fmt.Sprintf(`{"eid":%d,"timestamp":%d,"actEnergyDlvd":5e6,"actEnergyRcvd":1,"activePower":%g,"apparentPower":%g,"channels":[]}`,
		eid, at.Unix(), powerW, apparentVA)
}

func list(elements ...string) string { return "[" + strings.Join(elements, ",") + "]" }

// eids of the CT positions.
const (
	eidProduction  = 704643328
	eidConsumption = 704643584
	eidStorage     = 704643840
	eidVirtual     = 1023410688
)

// metered is a house with a production and a net CT.
var metered = answers{
	"/ivp/meters": list(meter(eidProduction, "enabled", "production", 2), meter(eidConsumption, "enabled", "net-consumption", 2)),
	"/ivp/meters/readings": list(values(eidProduction, 3000, 5e6, 100), values(eidConsumption, -1000, 2e6, 3e6),
		values(eidVirtual, 0, 0, 0)),
	"/ivp/ensemble/inventory":      "[]",
	"/api/v1/production/inverters": list(inverter("122000000001", noon.Add(-time.Minute), 1, 290)),
}

// withEncharge adds one IQ Battery.
var withEncharge = metered.with(answers{
	"/ivp/ensemble/inventory": `[{"type":"ENCHARGE","devices":[{"serial_num":"492300000001","percentFull":50,"encharge_capacity":5000,"communicating":true}]}]`,
	"/ivp/ensemble/power":     `{"devices:":[{"serial_num":"492300000001","real_power_mw":-500000,"soc":50}]}`,
})

func inverter(serial string, at time.Time, devType int, watts float64) string {
	return fmt.Sprintf(`{"serialNumber":%q,"lastReportDate":%d,"devType":%d,"lastReportWatts":%g,"maxReportWatts":300}`,
		serial, at.Unix(), devType, watts)
}

// wantPower compares the power object, by the names of the wire.
func wantPower(tb testing.TB, got reading.Power, want map[string]float64) {
	tb.Helper()
	for _, f := range got.Fields() {
		n, known := f.Value.Get()
		w, wanted := want[f.Name]
		switch {
		case known != wanted:
			tb.Errorf("%s: known is %v (%v), want %v", f.Name, known, n, wanted)
		case known && (n-w > 0.05 || w-n > 0.05):
			tb.Errorf("%s: got %v W, want %v", f.Name, n, w)
		}
	}
}

// accountOf returns the account of a flow.
func accountOf(r derive.Result, f reading.Flow) (reading.Account, bool) {
	for _, a := range r.Accounts {
		if a.Flow == f {
			return a, true
		}
	}
	return reading.Account{}, false
}

// balance sums an account's terms over the counters of the same result.
func balance(r derive.Result, f reading.Flow) float64 {
	byName := map[string]float64{}
	for _, c := range r.Counters {
		byName[c.Name] = c.Wh
	}
	a, _ := accountOf(r, f)
	sum := 0.0
	for _, t := range a.Terms {
		sum += t.Sign * byName[t.Counter]
	}
	return sum
}
