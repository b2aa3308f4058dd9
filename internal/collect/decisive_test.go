package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"envoyd/internal/collect"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// busyAt answers busy for some pages; the slow page shows inverters that
// counted more than the CTs did.
func busyAt(f *fake, paths ...string) func(string) (string, time.Duration, error) {
	return func(path string) (string, time.Duration, error) {
		for _, p := range paths {
			if path == p {
				return "", 0, busy
			}
		}
		if strings.HasPrefix(path, "/production.json") {
			return fmt.Sprintf(`{"production":[{"type":"inverters","activeCount":4,"readingTime":%d,"wNow":900,"whLifetime":9000000}]}`,
				time.Now().Unix()), 0, nil
		}
		return f.healthy(path)
	}
}

var decidingPages = map[string][]string{
	"meters and readings": {"/ivp/meters", "/ivp/meters/readings"},
	"meters":              {"/ivp/meters"},
	"readings":            {"/ivp/meters/readings"},
}

// After a power cut the meters' pages answer 502 for a while. Neither power
// nor lifetime may come from the inverters meanwhile.
func TestNothingIsReadBeforeThePagesThatDecide(t *testing.T) {
	for name, paths := range decidingPages {
		for _, established := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", established ", established), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.cfg.Established = established
					r.fake.page = busyAt(r.fake, paths...)
					r.run()
					r.pass(90 * time.Second)
					if seen := r.all(); len(seen) > 0 {
						t.Fatalf("published %+v", *seen[0])
					}
					if c := r.board.Get("pages/" + serial); c.State != status.Yellow || !strings.Contains(c.Message, paths[0]) || c.Mend == "" {
						t.Errorf("the pages are %+v", c)
					}
					r.fake.change(func() { r.fake.page = nil })
					r.pass(40 * time.Second)
					if !r.good() || r.last().Power.ProductionW != reading.Of(1200) {
						t.Errorf("good %v, power %+v", r.good(), r.last().Power)
					}
					if wh := r.last().Energy.ProductionWh.Or(0); wh < 5e6 || wh > 8.9e6 {
						t.Errorf("the lifetime began with %v Wh", wh)
					}
					if c := r.board.Get("pages/" + serial); c.State != "" {
						t.Errorf("the pages are still %+v", c)
					}
				})
			})
		}
	}
}

// A gateway that never answers for its meters is read without them in the end,
// but no lifetime begins that way.
func TestAGatewayThatNeverTellsItsMetersIsReadAfterAWhile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.page = busyAt(r.fake, "/ivp/meters/readings")
		r.run()
		r.pass(12 * time.Minute)
		if r.last().Power.ProductionW != reading.Of(900) || r.last().Energy.ProductionWh.Known() {
			t.Errorf("published %+v, %+v", r.last().Power, r.last().Energy)
		}
	})
}

// One page that fails for long while others answer would else be seen nowhere.
func TestAPageThatIsLostForLongIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		r.fake.change(func() { r.fake.page = busyAt(r.fake, "/ivp/ensemble/inventory") })
		r.pass(2 * time.Minute)
		if c := r.board.Get("pages/" + serial); c.State != "" {
			t.Errorf("said too soon: %+v", c)
		}
		r.pass(8 * time.Minute)
		if c := r.board.Get("pages/" + serial); c.State != status.Yellow || !strings.Contains(c.Message, "/ivp/ensemble/inventory") {
			t.Errorf("the pages are %+v", c)
		}
		if r.state("gateway") != status.Green || !r.good() {
			t.Errorf("the gateway is %s, good %v", r.state("gateway"), r.good())
		}
	})
}

// The gateway restarts into another firmware within a poll; only the new
// connection tells.
func TestAnUpdateIsSeenWithTheNewConnection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		at := time.Now()
		r.fake.change(func() { r.fake.firmware, r.fake.linked = "8.3.5422", "8.3.5422" })
		r.pass(5 * time.Second)
		if n := len(r.fake.asked("/ivp/meters", at)); n == 0 {
			t.Error("the gateway was not probed anew")
		}
		if r.last().Firmware != "8.3.5422" {
			t.Errorf("published as %s", r.last().Firmware)
		}
	})
}

func TestOnceAsksAgainForThePagesThatDecide(t *testing.T) {
	for name, paths := range decidingPages {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				left := 2
				broken := busyAt(r.fake, paths...)
				r.fake.page = func(path string) (string, time.Duration, error) {
					if path == paths[0] && left > 0 {
						left--
						return broken(path)
					}
					return r.fake.healthy(path)
				}
				one, _, err := collect.New(r.cfg).Once(t.Context())
				if err != nil || one.Power.ProductionW != reading.Of(1200) || one.Energy.ProductionWh.Or(9e6) > 8.9e6 {
					t.Errorf("got %+v, %+v, %v", one.Power, one.Energy, err)
				}
			})
		})
	}
}

// A wrong number is worse than none.
func TestOnceSaysWhyItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		page func(f *fake) func(string) (string, time.Duration, error)
		want string
	}{
		"meters do not answer": {
			func(f *fake) func(string) (string, time.Duration, error) { return busyAt(f, "/ivp/meters/readings") },
			"/ivp/meters/readings",
		},
		"zeros of a restart": {
			func(f *fake) func(string) (string, time.Duration, error) {
				return func(path string) (string, time.Duration, error) {
					if path == "/ivp/meters/readings" {
						return fmt.Sprintf(`[{"eid":1,"timestamp":%d,"actEnergyDlvd":0,"actEnergyRcvd":0,"activePower":0,"apparentPower":0,"channels":[]},
							{"eid":2,"timestamp":%[1]d,"actEnergyDlvd":0,"actEnergyRcvd":0,"activePower":0,"apparentPower":0,"channels":[]}]`, time.Now().Unix()), 0, nil
					}
					return f.healthy(path)
				}
			},
			"restart",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fake.page = c.page(r.fake)
				one, _, err := collect.New(r.cfg).Once(t.Context())
				if err == nil || !strings.Contains(err.Error(), c.want) || fault.Mend(err) == "" {
					t.Errorf("got %+v, error %v", one.Power, err)
				}
			})
		})
	}
}
