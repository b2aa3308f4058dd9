package collect_test

import (
	"strings"
	"testing"
	"time"

	"envoyd/internal/status"
)

// pages answers some pages in their own way and the others as a healthy gateway.
func (r *rig) pages(own map[string]string) {
	r.fake.page = func(path string) (string, time.Duration, error) {
		if body, ok := own[path]; ok {
			return body, 0, nil
		}
		return r.fake.healthy(path)
	}
}

// Whether there are CTs, and batteries in the balance, must be known whatever
// is not to be polled.
func TestPagesThatDecideAreAskedThoughTheirTierIsOff(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.Targets.Batteries, r.cfg.Targets.Status = 0, 0
		r.run()
		r.pass(time.Hour)
		if !r.last().Power.ConsumptionW.Known() || !r.last().Energy.ConsumptionWh.Known() {
			t.Errorf("the house is unknown: %+v", r.last().Power)
		}
		for _, path := range []string{"/ivp/meters", "/ivp/ensemble/inventory"} {
			if n := len(r.fake.asked(path, time.Time{})); n < 3 || n > 6 {
				t.Errorf("%s was asked %d times in an hour", path, n)
			}
		}
		if n := len(r.fake.asked("/ivp/ensemble/power", time.Time{})); n != 0 {
			t.Errorf("the batteries' power was asked %d times", n)
		}
		if c := r.board.Get("batteries/" + serial); c.State != "" {
			t.Errorf("a house without batteries has the condition %+v", c)
		}
	})
}

func TestBatteryThatIsNotToBePolledIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.Targets.Batteries = 0
		r.pages(map[string]string{"/ivp/ensemble/inventory": `[{"type":"ENCHARGE","devices":[{"serial_num":"492300000001","percentFull":50,"encharge_capacity":5000}]}]`})
		r.run()
		r.pass(time.Minute)
		if r.last().Power.ConsumptionW.Known() {
			t.Errorf("the house is %v W without its battery", r.last().Power.ConsumptionW)
		}
		if c := r.board.Get("batteries/" + serial); c.State != status.Yellow || !strings.Contains(c.Mend, "poll.batteries") {
			t.Errorf("the condition is %+v", c)
		}
	})
}

func TestWiringThatTheGatewayDoubtsIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ from, to, says string }{
		"negative production": {`"normal","statusFlags":[]}`, `"normal","statusFlags":["negative-production"]}`, "production (negative-production)"},
		"check wiring":        {`"normal"`, `"check-wiring"`, "production (check-wiring)"},
		"what nobody knows":   {`"statusFlags":[]`, `"statusFlags":["x"]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.pages(map[string]string{"/ivp/meters": strings.Replace(meterList, c.from, c.to, 1)})
				r.run()
				r.pass(time.Minute)
				got := r.board.Get("wiring/" + serial)
				if (got.State == status.Yellow) != (c.says != "") || !strings.HasSuffix(got.Message, c.says) {
					t.Errorf("the condition is %+v", got)
				}
				r.fake.change(func() { r.fake.page = nil })
				r.pass(20 * time.Minute)
				if got := r.board.Get("wiring/" + serial); got.State != "" {
					t.Errorf("and stays %+v", got)
				}
			})
		})
	}
}
