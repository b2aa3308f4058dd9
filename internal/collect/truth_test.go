package collect_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/collect"
	"envoyd/internal/derive"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// collectOnly is a configuration with one tier.
func collectOnly(tier derive.Tier) collect.Targets {
	if tier == derive.Meters {
		return collect.Targets{Meters: time.Second, Inverters: time.Minute}
	}
	return collect.Targets{Inverters: time.Minute}
}

// once makes the next answers of a page special.
func (r *rig) once(path string, body func() string) {
	done := false
	r.fake.change(func() {
		r.fake.page = func(p string) (string, time.Duration, error) {
			if p == path && !done {
				done = true
				return body(), 0, nil
			}
			return r.fake.healthy(p)
		}
	})
}

func TestASpikeReachesNobody(t *testing.T) {
	for _, watts := range []float64{60_000, 20_000} {
		bubble(t, func(t *testing.T, r *rig) {
			r.run()
			r.pass(time.Minute)
			r.once("/ivp/meters/readings", func() string { return r.fake.readings(time.Now(), watts, 5e6) })
			r.pass(time.Minute)
			for _, one := range r.all() {
				if w := one.Power.ProductionW.Or(0); w > 1200 {
					t.Errorf("%v W were published", w)
				}
			}
			r.energySane()
			if !r.good() || r.one.Totals().Refused == 0 || r.one.Totals().Held == 0 {
				t.Errorf("counted %+v", r.one.Totals())
			}
		})
	}
}

// energySane checks that published counters never step down and never jump.
func (r *rig) energySane() {
	r.t.Helper()
	var before *reading.Reading
	for _, one := range r.all() {
		if before == nil {
			before = one
		}
		was, is := before.Energy.Fields(), one.Energy.Fields()
		for i := range is {
			a, known := was[i].Value.Get()
			b, ok := is[i].Value.Get()
			if known && (!ok || b < a || b-a > 100e3*one.Time.Sub(before.Time).Hours()+10) {
				r.t.Errorf("counter %d went from %v to %v (%v) in %s", i, a, b, ok, one.Time.Sub(before.Time))
			}
		}
		before = one
	}
}

func TestZerosAfterARestartReachNobody(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		zeros := func(p string) (string, time.Duration, error) {
			body, latency, err := r.fake.healthy(p)
			if p == "/ivp/meters/readings" {
				body = strings.NewReplacer(`"actEnergyDlvd":5`, `"actEnergyDlvd":0,"x":5`, `"actEnergyDlvd":2`, `"actEnergyDlvd":0,"x":2`,
					`"actEnergyRcvd":1`, `"actEnergyRcvd":0,"y":1`, `"activePower":1200`, `"activePower":0`).Replace(body)
			}
			return body, latency, err
		}
		r.fake.change(func() { r.fake.page = zeros })
		r.pass(40 * time.Second)
		if r.good() {
			t.Error("zeros count as fresh")
		}
		r.fake.change(func() { r.fake.page = nil })
		r.pass(3 * time.Second)
		if !r.good() {
			t.Errorf("it did not recover: %+v", r.board.Conditions())
		}
		for _, one := range r.all() {
			if one.Power.ProductionW.Or(-1) != 1200 {
				t.Errorf("power of a starting gateway was published: %+v", one.Power)
			}
		}
		r.energySane()
		r.timesRise()
	})
}

func TestAStartingGatewayChangesNoSource(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		before, _ := r.one.Plan()
		r.fake.change(func() {
			r.fake.connect = func(string) error { return away }
			r.fake.page = func(string) (string, time.Duration, error) { return "", 0, away }
		})
		r.pass(30 * time.Second)
		starting := func(p string) (string, time.Duration, error) {
			switch p {
			case "/ivp/meters", "/ivp/meters/readings":
				return "[]", 0, nil
			case "/api/v1/production":
				return `{"wattHoursLifetime":77,"wattsNow":5,"wattHoursToday":1,"wattHoursSevenDays":1}`, 0, nil
			}
			return r.fake.healthy(p)
		}
		r.fake.change(func() { r.fake.connect, r.fake.page = nil, starting })
		r.pass(3 * time.Minute)
		if r.good() {
			t.Error("readings are made of what a starting gateway shows")
		}
		if n := r.fake.busiest(""); n > 90 {
			t.Errorf("%d requests in a minute", n)
		}
		r.fake.change(func() { r.fake.page = nil })
		r.pass(70 * time.Second)
		if after, _ := r.one.Plan(); !r.good() || !after.Equal(before) {
			t.Errorf("good %v, plan %v", r.good(), after.Lines())
		}
		for _, one := range r.all() {
			if one.Power.ProductionW.Or(-1) != 1200 {
				t.Errorf("published %+v", one.Power)
			}
		}
	})
}

func TestEquipmentThatIsReallyGoneIsBelievedAfterTenMinutes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		r.fake.change(func() {
			r.fake.page = func(p string) (string, time.Duration, error) {
				switch p {
				case "/ivp/meters", "/ivp/meters/readings":
					return "[]", 0, nil
				case "/api/v1/production":
					return `{"wattHoursLifetime":5000000,"wattsNow":500,"wattHoursToday":1,"wattHoursSevenDays":1}`, 0, nil
				}
				return r.fake.healthy(p)
			}
		})
		r.pass(9 * time.Minute)
		if plan, _ := r.one.Plan(); plan.Source(derive.Grid) == "" {
			t.Error("it was believed at once")
		}
		r.pass(20 * time.Minute)
		if plan, _ := r.one.Plan(); plan.Source(derive.Grid) != "" {
			t.Errorf("it is not believed: %v", plan.Lines())
		}
	})
}

func TestAMeterThatAppearsIsUsedSoon(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.firmware = "7.6.175"
		r.fake.page = func(p string) (string, time.Duration, error) {
			switch p {
			case "/ivp/meters":
				return "[]", 0, nil
			case "/api/v1/production":
				return `{"wattHoursLifetime":5000000,"wattsNow":500,"wattHoursToday":1,"wattHoursSevenDays":1}`, 0, nil
			}
			return r.fake.healthy(p)
		}
		r.run()
		r.pass(time.Minute)
		r.fake.change(func() { r.fake.page = nil })
		r.pass(70 * time.Second)
		if one := r.last(); one.Power.GridW.Or(0) != -300 {
			t.Errorf("power is %+v", one.Power)
		}
	})
}

func TestAGatewayClockThatMovesIsNoticed(t *testing.T) {
	for name, move := range map[string]time.Duration{
		"an hour on": time.Hour, "an hour back": -time.Hour, "two minutes on": 2 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.run()
				r.pass(2 * time.Minute)
				r.fake.change(func() { r.fake.clock = move })
				r.pass(10 * time.Second)
				if !r.good() {
					t.Errorf("no reading: %+v", r.board.Conditions())
				}
				r.pass(time.Minute)
				if !r.good() {
					t.Error("no reading a minute later")
				}
				if age := time.Since(r.last().Time).Abs(); age > 5*time.Second {
					t.Errorf("the newest reading is %s off", age)
				}
				if n := r.fake.busiest("/info"); n > 2 {
					t.Errorf("/info was asked %d times in a minute", n)
				}
				r.timesRise()
			})
		})
	}
}

func TestOwnTimesAreWholeSecondsAndEnergyNeedsNoPower(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.imeter, r.fake.firmware = false, "7.6.175"
		lifetime := 5e6
		r.fake.page = func(p string) (string, time.Duration, error) {
			switch p {
			case "/api/v1/production":
				lifetime += 10
				return `{"wattHoursLifetime":` + reading.Of(lifetime).String() + `,"wattHoursToday":1,"wattHoursSevenDays":1}`, 3 * time.Millisecond, nil
			case "/ivp/meters":
				return "[]", 0, nil
			}
			return r.fake.healthy(p)
		}
		r.run()
		r.pass(5 * time.Minute)
		if one := r.last(); one.Energy.ProductionWh.Or(0) < 5e6 || one.Time.Year() < 2000 || one.Quality == reading.Good {
			t.Errorf("reading is %+v", one)
		}
		if n := len(r.powerRecords()); n < 4 {
			t.Errorf("%d records", n)
		}
		r.timesRise()
	})
}

func TestTodayWaitsForTheGatewaysZone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var known atomic.Pointer[time.Location]
		r.cfg.ZoneKnown = func(z *time.Location) { known.Store(z) }
		r.slower("/home.json", 20*time.Second)
		r.run()
		r.pass(10 * time.Second)
		if known.Load() != nil || strings.Contains(r.log.String(), "time zone") {
			t.Error("another zone is used before the gateway told its own")
		}
		r.pass(30 * time.Second)
		if zone := known.Load(); zone == nil || zone.String() != "Europe/Berlin" || r.one.Zone() != zone {
			t.Errorf("zone is %v", zone)
		}
	})
}

func TestAddresses(t *testing.T) {
	t.Run("a configured address is never searched for", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.fake.address = "elsewhere"
			r.cfg.Find = func(context.Context) ([]string, error) { r.finds.Add(1); return []string{"elsewhere"}, nil }
			r.cfg.Remembered = func() string { return "elsewhere" }
			r.run()
			r.pass(10 * time.Minute)
			if r.finds.Load() > 0 || len(r.fake.asked("connect elsewhere", time.Time{})) > 0 {
				t.Error("it was looked for")
			}
		})
	})
	t.Run("the remembered one needs no search", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.cfg.Address, r.fake.address = "", "last"
			r.cfg.Find = func(context.Context) ([]string, error) { r.finds.Add(1); return nil, nil }
			r.cfg.Remembered = func() string { return "last" }
			r.run()
			r.pass(time.Minute)
			if r.finds.Load() > 0 || !r.good() {
				t.Errorf("searched %d times, good %v", r.finds.Load(), r.good())
			}
		})
	})
	t.Run("a changed one is found", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.cfg.Address, r.fake.address = "", "new"
			r.cfg.Find = func(context.Context) ([]string, error) {
				r.finds.Add(1)
				time.Sleep(5 * time.Second)
				return []string{"old", "new"}, nil
			}
			r.cfg.Remembered = func() string { return "old" }
			r.run()
			r.pass(7 * time.Second)
			if !r.good() || r.finds.Load() != 1 {
				t.Errorf("searched %d times, good %v", r.finds.Load(), r.good())
			}
		})
	})
	t.Run("nobody is found, and the search gets rare", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			r.cfg.Address = ""
			r.cfg.Find = func(context.Context) ([]string, error) { r.finds.Add(1); return nil, errors.New("nobody") }
			r.run()
			r.pass(time.Hour)
			if r.finds.Load() > 70 || r.finds.Load() < 20 {
				t.Errorf("searched %d times in an hour", r.finds.Load())
			}
			if c := r.board.Get("gateway/" + serial); c.State != status.Red || c.Mend == "" {
				t.Errorf("condition is %+v", c)
			}
		})
	})
}

func TestTheLedgerIsSavedAtEvents(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		before := r.saves.Load()
		r.fake.change(func() {
			r.fake.page = func(p string) (string, time.Duration, error) {
				if p == "/ivp/meters/readings" {
					return r.fake.readings(time.Now(), 1200, 7e6), 0, nil // another CT: the level stays
				}
				return r.fake.healthy(p)
			}
		})
		r.pass(2 * time.Minute)
		if r.saves.Load() == before {
			t.Error("nobody was told that the ledger changed")
		}
		if !r.good() {
			t.Error("a new level stops the power")
		}
		r.energySane()
	})
}
