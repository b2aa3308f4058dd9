package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// Everything answers 404 or "role too low": that is not silence and not
// health, and it may end.
func TestAGatewayThatShowsNothingIsRedAndLookedAtAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.page = func(string) (string, time.Duration, error) { return "", 0, absent }
		r.run()
		r.pass(30 * time.Second)
		if c := r.board.Get("gateway/" + serial); c.State != status.Red || !strings.Contains(c.Message, "neither meters nor inverters") || c.Mend == "" {
			t.Errorf("the gateway is %+v", c)
		}
		r.pass(5 * time.Minute)
		if n := r.fake.busiest(""); n > 25 {
			t.Errorf("%d requests in a minute for nothing", n)
		}
		r.fake.change(func() { r.fake.page = nil })
		r.pass(5 * time.Minute)
		if !r.good() || r.state("gateway") != status.Green {
			t.Errorf("good %v, the gateway is %s", r.good(), r.state("gateway"))
		}
	})
}

// A power cut restarts gateway and Pi together: the meters come half a minute
// later. The lifetime must begin with theirs.
func TestMetersThatAreLateBeginTheLifetime(t *testing.T) {
	for name, missing := range map[string]func(string) (string, time.Duration, error){
		"404":   func(string) (string, time.Duration, error) { return "", 0, absent },
		"empty": func(string) (string, time.Duration, error) { return "[]", 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.page = func(path string) (string, time.Duration, error) {
					switch {
					case strings.HasPrefix(path, "/ivp/meters"):
						return missing(path)
					case strings.HasPrefix(path, "/production.json"):
						return fmt.Sprintf(`{"production":[{"type":"inverters","activeCount":4,"readingTime":%d,"wNow":900,"whLifetime":9000000}]}`,
							time.Now().Unix()), 0, nil
					}
					return r.fake.healthy(path)
				}
				r.run()
				r.pass(25 * time.Second)
				if c := r.board.Get("meters/" + serial); c.State != status.Yellow {
					t.Errorf("meters are %+v", c)
				}
				r.fake.change(func() { r.fake.page = nil })
				r.pass(2 * time.Minute)
				if !r.good() || !r.last().Power.GridW.Known() {
					t.Errorf("good %v, power %+v", r.good(), r.last().Power)
				}
				if c := r.board.Get("meters/" + serial); c.State != "" {
					t.Errorf("meters are still %+v", c)
				}
				for _, one := range r.all() {
					if wh, known := one.Energy.ProductionWh.Get(); known && wh > 8.9e6 {
						t.Fatalf("the lifetime began with the inverters' %v Wh", wh)
					}
				}
			})
		})
	}
}

// A gateway made for CTs that never had any is read from its inverters.
func TestAGatewayWithoutCTsIsBelievedAfterAWhile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.page = func(path string) (string, time.Duration, error) {
			switch {
			case strings.HasPrefix(path, "/ivp/meters"):
				return "", 0, absent
			case strings.HasPrefix(path, "/production.json"):
				return fmt.Sprintf(`{"production":[{"type":"inverters","activeCount":4,"readingTime":%d,"wNow":900,"whLifetime":9000000}]}`,
					time.Now().Unix()), 0, nil
			}
			return r.fake.healthy(path)
		}
		r.run()
		r.pass(5 * time.Minute)
		if r.last().Power.ProductionW != reading.Of(900) || r.last().Energy.ProductionWh.Known() {
			t.Errorf("published %+v, %+v", r.last().Power, r.last().Energy)
		}
		r.pass(10 * time.Minute)
		if r.last().Energy.ProductionWh != reading.Of(9e6) {
			t.Errorf("published %+v", r.last().Energy)
		}
		r.pass(20 * time.Minute)
		if c := r.board.Get("meters/" + serial); c.State != "" {
			t.Errorf("it is still told that meters are missing: %+v", c)
		}
		if n := len(r.fake.asked("/ivp/ensemble/inventory", time.Now().Add(-15*time.Minute))); n > 20 {
			t.Errorf("probed %d times in a quarter of an hour", n)
		}
	})
}

// Two stamps a year ahead are two odd stamps, not a clock.
func TestOddStampsMoveNoClock(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(2 * time.Minute)
		odd := time.Now().Add(2 * time.Second)
		r.fake.change(func() {
			r.fake.page = func(path string) (string, time.Duration, error) {
				if path == "/ivp/meters/readings" && time.Now().Before(odd) {
					return r.fake.readings(time.Now().AddDate(1, 0, 0), 1200, 0), 0, nil
				}
				return r.fake.healthy(path)
			}
		})
		r.pass(20 * time.Second)
		if !r.good() || time.Since(r.last().Time).Abs() > 5*time.Second {
			t.Errorf("good %v, the newest is of %v", r.good(), r.last().Time)
		}
		if strings.Contains(r.log.String(), "set back") {
			t.Errorf("a clock was moved:\n%s", r.log)
		}
		r.timesRise()
	})
}
