package collect_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// roof is a home of two microinverters without CTs, on firmware whose
// /api/v1/production is not to be believed: only the reports have a time.
type roof struct {
	*rig
	watts  atomic.Int64 // each, at the next report
	silent atomic.Int64 // since when they no longer report, Unix; 0 = they do
}

func underARoof(r *rig) *roof {
	home := &roof{rig: r}
	home.watts.Store(200)
	r.fake.imeter, r.fake.firmware = false, "8.2.4264"
	r.fake.page = home.page
	return home
}

const (
	asleep  = "have not reported lately, as at night"
	failing = "fell silent at"
)

func (h *roof) page(path string) (string, time.Duration, error) {
	switch {
	case path == "/ivp/meters":
		return "[]", 0, nil
	case path == "/api/v1/production":
		return `{"wattHoursLifetime":0,"wattsNow":0,"wattHoursToday":0,"wattHoursSevenDays":0}`, 0, nil
	case strings.HasPrefix(path, "/production.json"):
		return `{"production":[{"type":"inverters","activeCount":2,"readingTime":0,"wNow":0,"whLifetime":5000000}]}`, 0, nil
	case path == "/api/v1/production/inverters":
		at := time.Now().Truncate(5 * time.Minute).Unix()
		if since := h.silent.Load(); since > 0 {
			at = since
		}
		one := `{"serialNumber":"12234404319%d","lastReportDate":%d,"devType":1,"lastReportWatts":%d,"maxReportWatts":290}`
		return fmt.Sprintf("["+one+","+one+"]", 7, at, h.watts.Load(), 8, at, h.watts.Load()), 0, nil
	}
	return h.fake.healthy(path)
}

// sleeps lets the inverters report a last time and lets that arrive.
func (h *roof) sleeps() {
	h.pass(time.Until(time.Now().Truncate(5 * time.Minute).Add(5 * time.Minute)))
	h.silent.Store(time.Now().Unix())
	h.pass(90 * time.Second)
}

func (h *roof) readings() status.Condition { return h.board.Get("readings/" + serial) }

func TestInvertersAloneAreFreshForThreeQuartersOfAnHour(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		home := underARoof(r)
		r.run()
		r.pass(time.Hour)
		if one := r.last(); !r.good() || one.Power.ProductionW.Or(0) != 400 {
			t.Fatalf("power %+v, good %v", one.Power, r.good())
		}
		home.sleeps()
		began := time.Now()
		r.pass(43 * time.Minute)
		if !r.good() {
			t.Errorf("old after %s", time.Since(began))
		}
		r.pass(3 * time.Minute)
		if one := r.last(); r.good() || one.Power.ProductionW.Or(0) != 400 {
			t.Errorf("still called good after %s: %+v", time.Since(began), one.Power)
		}
	})
}

func TestSilentInvertersAreAnAlarmOnlyWhileThereWasLight(t *testing.T) {
	for name, c := range map[string]struct {
		watts   int64
		state   status.State
		message string
	}{
		"dusk":                  {5, status.Yellow, asleep},
		"standby draw":          {0, status.Yellow, asleep},
		"the middle of the day": {200, status.Red, failing},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				home := underARoof(r)
				r.run()
				r.pass(time.Hour)
				home.watts.Store(c.watts)
				home.sleeps()
				r.pass(8 * time.Hour)
				if got := home.readings(); r.good() || got.State != c.state || !strings.Contains(got.Message, c.message) {
					t.Errorf("good %v, condition %+v", r.good(), got)
				}
				home.watts.Store(150)
				home.silent.Store(0)
				r.pass(10 * time.Minute)
				if !r.good() || home.readings().State != status.Green {
					t.Errorf("it did not wake up: %+v", home.readings())
				}
			})
		})
	}
}

func TestAStartAtNightIsNoAlarm(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		home := underARoof(r)
		home.watts.Store(3)
		home.silent.Store(time.Now().Add(-5 * time.Hour).Unix())
		r.run()
		r.pass(time.Hour)
		if got := home.readings(); got.State != status.Yellow || !strings.Contains(got.Message, asleep) {
			t.Errorf("condition %+v", got)
		}
		if one := r.last(); one.Quality == reading.Good || one.Power.ProductionW.Known() {
			t.Errorf("power at night is %+v, %s", one.Power, one.Quality)
		}
	})
}

func TestAGatewayThatGoesAtNightIsAnAlarm(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		home := underARoof(r)
		r.run()
		r.pass(time.Hour)
		home.watts.Store(2)
		home.sleeps()
		r.pass(3 * time.Hour)
		r.fake.change(func() {
			r.fake.connect = func(string) error { return away }
			r.fake.page = func(string) (string, time.Duration, error) { return "", 0, away }
		})
		r.pass(10 * time.Minute)
		if got := home.readings(); got.State != status.Red || r.state("gateway") != status.Red {
			t.Errorf("conditions %+v", r.board.Conditions())
		}
	})
}
