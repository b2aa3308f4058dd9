package collect_test

import (
	"slices"
	"testing"
	"time"

	"envoyd/internal/derive"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// slower makes one page take its time.
func (r *rig) slower(path string, latency time.Duration) {
	r.fake.change(func() {
		r.fake.page = func(p string) (string, time.Duration, error) {
			body, usual, err := r.fake.healthy(p)
			if p == path {
				return body, latency, err
			}
			return body, usual, err
		}
	})
}

// failing makes pages fail.
func (r *rig) failing(err error, paths ...string) {
	r.fake.change(func() {
		r.fake.page = func(p string) (string, time.Duration, error) {
			if len(paths) == 0 || slices.Contains(paths, p) {
				return "", 0, err
			}
			return r.fake.healthy(p)
		}
	})
}

func TestThePaceFollowsWhatTheGatewayBears(t *testing.T) {
	const path = "/ivp/meters/readings"
	for _, c := range []struct {
		name        string
		latency     time.Duration
		least, most int // in a minute
	}{
		{"fast answers come each second", 20 * time.Millisecond, 59, 61},
		{"half a second leaves it each second", 400 * time.Millisecond, 55, 61},
		{"two seconds: the gateway rests as long as it works", 2 * time.Second, 13, 16},
		{"eight seconds", 8 * time.Second, 3, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.slower(path, c.latency)
				r.run()
				r.pass(time.Minute)
				began := time.Now()
				r.pass(time.Minute)
				if n := len(r.fake.asked(path, began)); n < c.least || n > c.most {
					t.Errorf("asked %d times in a minute, want %d to %d", n, c.least, c.most)
				}
				if !r.good() {
					t.Error("slow power is called old")
				}
				r.slower("", 0)
				r.pass(time.Minute)
				began = time.Now()
				r.pass(time.Minute)
				if n := len(r.fake.asked(path, began)); n < 59 {
					t.Errorf("asked %d times in a minute after the gateway recovered", n)
				}
			})
		})
	}
}

func TestANativePageThatFailsIsSoonAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		r.failing(busy, "/ivp/meters/readings")
		r.pass(5 * time.Minute)
		if n := r.fake.asked("/ivp/meters/readings", time.Now().Add(-2*time.Minute)); len(n) > 5 || len(n) < 3 {
			t.Errorf("asked %d times in two minutes of trouble", len(n))
		}
		if r.good() || r.state("readings") != status.Red {
			t.Error("no power, and it is called fresh")
		}
		r.failing(nil, "none")
		r.pass(31 * time.Second)
		if !r.good() {
			t.Error("it did not recover")
		}
	})
}

func TestUselessAnswersAreSaid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		r.failing(busy)
		r.pass(time.Minute)
		if r.state("gateway") != status.Yellow {
			t.Errorf("after a minute: %+v", r.board.Conditions())
		}
		r.pass(3 * time.Minute)
		if r.state("gateway") != status.Red {
			t.Errorf("after four minutes: %+v", r.board.Conditions())
		}
		if n := len(r.fake.asked("", time.Now().Add(-time.Minute))); n > 12 {
			t.Errorf("%d requests in a minute", n)
		}
		r.failing(nil, "none")
		r.pass(31 * time.Second)
		if !r.good() || r.state("gateway") != status.Green {
			t.Errorf("it did not recover: %+v", r.board.Conditions())
		}
	})
}

func TestAPageThatNeverAnswersDoesNotHoldUpTheRest(t *testing.T) {
	for _, path := range []string{"/ivp/pdm/device_data", "/api/v1/production/inverters", "/home.json"} {
		t.Run(path, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.failing(away, path)
				r.run()
				r.pass(8 * time.Second)
				if !r.good() {
					t.Error("no reading without it")
				}
				r.pass(70 * time.Minute)
				if n := r.fake.busiest(path); n > 4 {
					t.Errorf("asked %d times in a minute", n)
				}
				if n := len(r.fake.asked(path, time.Now().Add(-time.Hour))); n > 31 {
					t.Errorf("asked %d times in an hour", n)
				}
				if r.state("gateway") != status.Green {
					t.Errorf("one page is an alarm: %+v", r.board.Conditions())
				}
			})
		})
	}
}

func TestASlowPageIsNeverAskedMoreThanOnceAMinute(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fake.page = func(p string) (string, time.Duration, error) {
			if p == "/home.json" {
				return "", 0, busy
			}
			if time.Now().Unix()%40 > 30 {
				return "", 0, away // so that sessions come and go
			}
			return r.fake.healthy(p)
		}
		r.run()
		r.pass(time.Hour)
		all := r.fake.asked("/home.json", time.Time{})
		for i := range all[1:] {
			if d := all[i+1].Sub(all[i]); d < time.Minute {
				t.Errorf("asked twice within %s", d)
			}
		}
		if n := len(r.fake.asked("connect there", time.Time{})); n < 5 {
			t.Errorf("only %d sessions: the test tests nothing", n)
		}
	})
}

func TestStatusOffStillAsksTheClockNowAndThen(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.Targets = collectOnly(derive.Meters)
		r.fake.page = func(p string) (string, time.Duration, error) {
			return r.fake.healthy(p)
		}
		r.run()
		r.pass(time.Hour)
		if n := len(r.fake.asked("/info", time.Time{})); n < 3 || n > 5 {
			t.Errorf("/info was asked %d times in an hour", n)
		}
	})
}

func TestTheNightlyStallIsQuiet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		y, m, d := time.Now().In(berlin).Date()
		time.Sleep(time.Until(time.Date(y, m, d, 22, 40, 0, 0, berlin)))
		r.run()
		r.pass(time.Until(time.Date(y, m, d, 22, 57, 0, 0, berlin)))
		began := time.Now()
		r.pass(2 * time.Minute)
		r.failing(away) // at 22:59 it stalls
		r.pass(5 * time.Minute)
		for _, one := range r.fakeCalls(began) {
			if one.slow {
				t.Errorf("a slow page was asked at %s: %s", one.at.In(berlin).Format("15:04:05"), one.path)
			}
		}
		if r.state("gateway") == status.Red {
			t.Errorf("the nightly stall is an alarm: %+v", r.board.Conditions())
		}
		r.failing(nil, "none")
		r.pass(time.Until(time.Date(y, m, d, 23, 11, 0, 0, berlin)))
		began = time.Now()
		r.pass(time.Minute)
		if !r.good() || r.state("gateway") != status.Green {
			t.Errorf("it did not recover: %+v", r.board.Conditions())
		}
		if n := len(r.fake.asked("/api/v1/production/inverters", began)); n == 0 {
			t.Error("the other pages are not asked after the stall")
		}
	})
}

func TestOnlyMetersAreAskedInAQuietStall(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		y, m, d := time.Now().In(berlin).Date()
		time.Sleep(time.Until(time.Date(y, m, d, 22, 40, 0, 0, berlin)))
		r.run()
		r.pass(time.Until(time.Date(y, m, d, 22, 57, 0, 0, berlin)))
		for _, one := range r.fakeCalls(time.Now()) {
			t.Errorf("asked %s", one.path)
		}
		began := time.Now()
		r.pass(13 * time.Minute)
		for _, one := range r.fakeCalls(began.Add(time.Nanosecond)) {
			if one.path != "/ivp/meters/readings" && one.at.Before(began.Add(13*time.Minute)) {
				t.Errorf("asked %s at %s", one.path, one.at.In(berlin).Format("15:04:05"))
			}
		}
		if !r.good() {
			t.Error("power stops in the stall although the gateway answers")
		}
	})
}

// fakeCalls returns the requests after a moment.
func (r *rig) fakeCalls(since time.Time) []call {
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	var all []call
	for _, c := range r.fake.calls {
		if c.at.After(since) {
			all = append(all, c)
		}
	}
	return all
}

func TestALiveStreamIsKeptAlive(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.Targets.Live = time.Second
		r.fake.page = func(p string) (string, time.Duration, error) {
			if p == "/ivp/livedata/status" {
				return `{"connection":{"sc_stream":"disabled"},"meters":{"last_update":1,"soc":0,"pv":{"agg_p_mw":1}}}`, 0, nil
			}
			return r.fake.healthy(p)
		}
		r.run()
		r.pass(21 * time.Minute)
		if n := len(r.fake.asked("live", time.Time{})); n < 4 || n > 6 {
			t.Errorf("the stream was asked for %d times in 21 minutes", n)
		}
		if one := r.last(); one.Quality != reading.Good {
			t.Error("no power beside it")
		}
	})
}
