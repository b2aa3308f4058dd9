package collect_test

import (
	"testing"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/reading"
	"envoyd/internal/status"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheFirstReadingComesWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Second)
		if got := r.last().Power; got.ProductionW.Or(0) != 1200 || got.GridW.Or(0) != -300 || got.ConsumptionW.Or(0) != 900 {
			t.Errorf("power is %+v", got)
		}
		if r.state("gateway") != status.Green || r.state("readings") != status.Green {
			t.Errorf("conditions are %+v", r.board.Conditions())
		}
	})
}

func TestEachSecondGivesOneReading(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(10 * time.Second)
		began, before := time.Now(), len(r.all())
		r.pass(time.Minute)
		if n := len(r.fake.asked("/ivp/meters/readings", began)); n < 59 || n > 61 {
			t.Errorf("asked %d times in a minute", n)
		}
		if n := len(r.all()) - before; n < 59 || n > 61 {
			t.Errorf("%d readings in a minute", n)
		}
		if n := len(r.fake.asked("/ivp/meters", began)); n > 1 {
			t.Errorf("equipment was asked for %d times", n)
		}
	})
}

func TestAFrozenAnswerMakesNoPointAndGoesStale(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(10 * time.Second)
		frozen := r.fake.readings(time.Now(), 1200, 0)
		r.fake.change(func() {
			r.fake.page = func(path string) (string, time.Duration, error) {
				if path == "/ivp/meters/readings" {
					return frozen, 0, nil
				}
				return r.fake.healthy(path)
			}
		})
		r.pass(2 * time.Second)
		records, readings := len(r.powerRecords()), len(r.all())
		r.pass(25 * time.Second)
		if len(r.powerRecords()) != records || len(r.all()) != readings || !r.good() {
			t.Errorf("a repeated measurement made points, or was called old too early")
		}
		r.pass(10 * time.Second)
		if r.good() || r.state("readings") != status.Red {
			t.Errorf("a frozen gateway counts as fresh: %+v", r.board.Conditions())
		}
		if n := len(r.all()) - readings; n != 1 {
			t.Errorf("%d readings came instead of one that says it is old", n)
		}
		r.fake.change(func() { r.fake.page = nil })
		r.pass(3 * time.Second)
		if !r.good() || r.state("readings") != status.Green {
			t.Error("it did not recover")
		}
		r.timesRise()
	})
}

func (r *rig) powerRecords() []reading.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []reading.Record
	for _, rec := range r.records {
		if rec.Tier == reading.TierPower {
			all = append(all, rec)
		}
	}
	return all
}

// timesRise checks that the time of no series ever went back.
func (r *rig) timesRise() {
	r.t.Helper()
	var before time.Time
	for _, rec := range r.powerRecords() {
		if !rec.Time.After(before) {
			r.t.Errorf("a record of %s after one of %s", rec.Time, before)
		}
		if rec.Time.Nanosecond() != 0 {
			r.t.Errorf("a record within a second: %s", rec.Time)
		}
		before = rec.Time
	}
}

func TestALostGatewayIsFoundAgainAndNotHammered(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(10 * time.Second)
		gone := func(string) (string, time.Duration, error) { return "", 0, away }
		r.fake.change(func() {
			r.fake.page = gone
			r.fake.connect = func(string) error { return away }
		})
		r.pass(time.Minute)
		if r.good() || r.state("gateway") != status.Yellow {
			t.Errorf("after a minute: %+v", r.board.Conditions())
		}
		r.pass(2 * time.Minute)
		if r.state("gateway") != status.Red {
			t.Errorf("after three minutes: %+v", r.board.Conditions())
		}
		if n := r.fake.busiest("connect there"); n > 16 {
			t.Errorf("%d connections in a minute", n)
		}
		r.fake.change(func() { r.fake.page, r.fake.connect = nil, nil })
		r.pass(8 * time.Second)
		if !r.good() || r.state("gateway") != status.Green {
			t.Errorf("it did not recover: %+v", r.board.Conditions())
		}
	})
}

func TestAGatewayThatLetsUsInAndGoesIsNotHammered(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.page = func(path string) (string, time.Duration, error) {
			if path == "/ivp/meters" {
				return meterList, 0, nil
			}
			return "", 0, away
		}
		r.run()
		r.pass(10 * time.Minute)
		if n := r.fake.busiest(""); n > 40 {
			t.Errorf("%d requests in the busiest minute", n)
		}
		began := time.Now()
		r.pass(5 * time.Minute)
		if n := len(r.fake.asked("", began)); n > 60 {
			t.Errorf("%d requests in five minutes", n)
		}
	})
}

func TestARefusedTokenIsToldAndNotInsistedOn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.page = func(string) (string, time.Duration, error) { return "", 0, refused }
		r.run()
		r.pass(time.Hour)
		if r.refusals.Load() == 0 || r.state("gateway") != status.Red {
			t.Errorf("told %d times, %+v", r.refusals.Load(), r.board.Conditions())
		}
		if n := len(r.fake.asked("", time.Time{})); n > 60 {
			t.Errorf("%d requests in an hour with a token that is refused", n)
		}
		r.fake.change(func() { r.fake.page = nil })
		r.token.Store(time.Now().Unix())
		r.pass(2 * time.Second)
		if !r.good() {
			t.Error("another token did not end the pause")
		}
	})
}

func TestWakeEndsThePauseAfterAnotherKey(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.connect = func(string) error {
			return &fault.Error{Kind: fault.Security, Err: gateway.ErrOtherSerial, Mend: "run envoyd trust"}
		}
		r.run()
		r.pass(30 * time.Second)
		if c := r.board.Get("gateway/" + serial); c.State != status.Red || c.Mend != "run envoyd trust" {
			t.Errorf("condition is %+v", c)
		}
		if n := len(r.fake.asked("", time.Time{})); n > 1 {
			t.Errorf("%d tries in half a minute", n)
		}
		r.fake.change(func() { r.fake.connect = nil })
		r.one.Wake()
		r.pass(time.Second)
		if !r.good() {
			t.Error("it went on waiting")
		}
	})
}

func TestPagesThatWantAnotherPasswordAreLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.firmware = "5.0.62"
		r.fake.page = func(path string) (string, time.Duration, error) {
			if path == "/api/v1/production/inverters" {
				return "", 0, &fault.Error{Kind: fault.Auth, Err: gateway.ErrPassword}
			}
			return r.fake.healthy(path)
		}
		r.run()
		r.pass(10 * time.Minute)
		if !r.good() || r.state("password") != status.Yellow {
			t.Errorf("conditions are %+v", r.board.Conditions())
		}
		if n := len(r.fake.asked("/api/v1/production/inverters", time.Time{})); n != 1 {
			t.Errorf("the page was asked for %d times", n)
		}
	})
}
