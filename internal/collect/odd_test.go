package collect_test

import (
	"fmt"
	"testing"
	"time"

	"envoyd/internal/reading"
)

// One answer dates an inverter's report to 2106. What was known of it stays,
// and it goes on with the next report.
func TestAnInverterDatedToTheFutureGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		odd := false
		list := func(p string) (string, time.Duration, error) {
			if p != "/api/v1/production/inverters" {
				return r.fake.healthy(p)
			}
			at := time.Now().Truncate(time.Minute).Unix()
			first, watts := at, 200
			if odd {
				first, watts = 4294967295, 0
			}
			const one = `{"serialNumber":"12234404319%d","lastReportDate":%d,"devType":1,"lastReportWatts":%d,"maxReportWatts":1800}`
			return fmt.Sprintf("["+one+","+one+"]", 7, first, watts, 8, at, 200), 0, nil
		}
		r.fake.page = list
		r.run()
		r.pass(5 * time.Minute)
		r.fake.change(func() { odd = true })
		r.pass(5 * time.Minute)
		r.fake.change(func() { odd = false })
		before := len(r.all())
		r.pass(5 * time.Minute)
		for _, one := range r.all() {
			if len(one.Inverters) == 0 {
				continue // not asked yet
			}
			if len(one.Inverters) != 2 {
				t.Fatalf("%d inverters", len(one.Inverters))
			}
			for _, i := range one.Inverters {
				if i.Time.After(one.Time.Add(time.Minute)) || i.PowerW != reading.Of(200) {
					t.Fatalf("%+v in the reading of %s", i, one.Time)
				}
			}
		}
		if i := r.last().Inverters[0]; time.Since(i.Time) > 3*time.Minute || len(r.all()) == before {
			t.Errorf("it stays as it was: %+v", i)
		}
		if !r.good() {
			t.Errorf("power is not good: %+v", r.board.Conditions())
		}
	})
}
