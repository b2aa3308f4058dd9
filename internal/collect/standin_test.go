package collect_test

import (
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

func TestWhoStandsInHoldsUntilTheGatewayIsBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var gaps []time.Duration
		r.cfg.Gap = func(before, after reading.Record) { gaps = append(gaps, after.Time.Sub(before.Time)) }
		r.run()
		r.pass(10 * time.Second)
		own := r.last()
		r.fake.change(func() {
			r.fake.page = func(string) (string, time.Duration, error) { return "", 0, away }
			r.fake.connect = func(string) error { return away }
		})
		r.pass(5 * time.Minute)
		if k := r.one.Contact(); k.Good || k.Failures < 3 || k.Silent < 4*time.Minute {
			t.Errorf("contact is %+v", k)
		}
		watts := reading.Power{ProductionW: reading.Of(77)}
		if r.one.StandIn(reading.Enlighten, watts, own.Time, false) {
			t.Error("an older value than the gateway's own stood in")
		}
		if !r.one.StandIn(reading.Enlighten, watts, time.Now().Add(-time.Minute), true) {
			t.Fatal("nobody stood in")
		}
		r.pass(time.Minute)
		if got := r.last(); got.Power != watts || got.Source != reading.Enlighten || got.Quality != reading.Good ||
			got.Energy != own.Energy || got.Today != own.Today || len(got.Meters) > 0 || !got.IsEstimated("power.production_w") {
			t.Errorf("while the cloud stands in: %+v", got)
		}
		if r.state("readings") != status.Yellow {
			t.Errorf("conditions are %+v", r.board.Conditions())
		}
		r.fake.change(func() { r.fake.page, r.fake.connect = nil, nil })
		r.pass(6 * time.Second)
		if got := r.last(); got.Source != reading.Local || got.Quality != reading.Good || got.IsEstimated("power.production_w") {
			t.Errorf("after its return: %+v", got)
		}
		if len(gaps) != 1 || gaps[0] < 6*time.Minute {
			t.Errorf("gaps are %v", gaps)
		}
		r.timesRise()
	})
}

func TestACloudValueGrowsOld(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.connect = func(string) error { return away }
		r.run()
		r.pass(time.Minute)
		r.one.StandIn(reading.Enlighten, reading.Power{ProductionW: reading.Of(77)}, time.Now(), false)
		r.pass(44 * time.Minute)
		if !r.good() {
			t.Error("called old too early")
		}
		r.pass(2 * time.Minute)
		if r.good() {
			t.Error("a value of 46 minutes ago counts as fresh")
		}
	})
}
