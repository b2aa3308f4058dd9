package fallback_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an outage on fake time: the gateway is a function of the time passed.
type rig struct {
	began   time.Time
	gateway func(passed time.Duration) bool // answers
	stall   time.Duration                   // of the silence that is no silence
	slow    bool                            // fewer than three failures
	err     error                           // of the cloud
	delay   time.Duration                   // how old its samples are

	last    time.Time
	asked   []time.Duration
	since   []time.Time
	samples []enlighten.Sample
	over    int
	states  []string
	board   *status.Board
}

func (r *rig) contact() fallback.Contact {
	now := time.Now()
	if r.gateway(now.Sub(r.began)) {
		r.last = now
	}
	silent := now.Sub(r.last)
	c := fallback.Contact{Last: r.last, Silent: max(0, silent-r.stall), Good: silent < 30*time.Second, Failures: int(silent / (4 * time.Second))}
	if r.slow {
		c.Failures = min(c.Failures, 1)
	}
	if at := r.board.Get("cloud"); at.Name != "" && (len(r.states) == 0 || r.states[len(r.states)-1] != string(at.State)) {
		r.states = append(r.states, string(at.State))
	}
	return c
}

func (r *rig) Latest(_ context.Context, since time.Time) (enlighten.Sample, error) {
	now := time.Now()
	r.asked = append(r.asked, now.Sub(r.began).Round(time.Second))
	r.since = append(r.since, since)
	if r.err != nil {
		return enlighten.Sample{}, r.err
	}
	return enlighten.Sample{Time: now.Add(-r.delay), Next: now.Add(15 * time.Minute), Power: reading.Power{ProductionW: reading.Of(1)}}, nil
}

func (r *rig) play(t *testing.T, d time.Duration) {
	t.Helper()
	r.board, r.began = status.NewBoard(slog.New(slog.DiscardHandler)), time.Now()
	r.last = r.began
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		fallback.Run(ctx, fallback.Config{
			After: 2 * time.Minute, Cloud: r, Contact: r.contact, Board: r.board, Name: "cloud",
			StandIn: func(s enlighten.Sample) bool { r.samples = append(r.samples, s); return true },
			Over:    func() { r.over++ },
		})
		close(done)
	}()
	time.Sleep(d)
	synctest.Wait()
	stop()
	<-done
}

func never(time.Duration) bool { return false }

func TestWhenTheCloudIsAsked(t *testing.T) {
	back := func(at time.Duration) func(time.Duration) bool {
		return func(d time.Duration) bool { return d >= at }
	}
	everyMinute := func(d time.Duration) bool { return d > 10*time.Minute && d%(2*time.Minute) < time.Minute }
	spent := &fault.Error{Err: budget.ErrSpent, After: 20 * time.Minute}
	cases := map[string]struct {
		rig     rig
		length  time.Duration
		asked   int
		first   time.Duration
		over    int
		state   status.State
		message string
	}{
		"not while the gateway answers":        {rig{gateway: back(0)}, time.Hour, 0, 0, 0, status.Green, "not needed"},
		"not before the time":                  {rig{gateway: never}, 119 * time.Second, 0, 0, 0, status.Green, "not needed"},
		"after the time and three failures":    {rig{gateway: never}, 3 * time.Minute, 1, 2 * time.Minute, 0, status.Yellow, "stands in with what was measured"},
		"not for one slow answer":              {rig{gateway: never, slow: true}, time.Hour, 0, 0, 0, status.Green, "not needed"},
		"not for the nightly stall":            {rig{gateway: never, stall: 13 * time.Minute}, 14 * time.Minute, 0, 0, 0, status.Green, "not needed"},
		"after the stall":                      {rig{gateway: never, stall: 13 * time.Minute}, 16 * time.Minute, 1, 15 * time.Minute, 0, status.Yellow, "stands in"},
		"again when there is something new":    {rig{gateway: never}, 33 * time.Minute, 3, 2 * time.Minute, 0, status.Yellow, "stands in"},
		"not again once the budget is spent":   {rig{gateway: never, err: spent}, 20 * time.Minute, 1, 2 * time.Minute, 0, status.Yellow, "by the budget"},
		"the outage ends once it stays":        {rig{gateway: back(10 * time.Minute)}, 13 * time.Minute, 1, 2 * time.Minute, 1, status.Green, "not needed"},
		"it is kept ready until then":          {rig{gateway: back(10 * time.Minute)}, 11 * time.Minute, 1, 2 * time.Minute, 0, status.Yellow, "is back since"},
		"no calls for one that comes and goes": {rig{gateway: everyMinute}, 62 * time.Minute, 4, 2 * time.Minute, 0, status.Yellow, ""},
		"without a grant it says so": {rig{gateway: never, err: &fault.Error{Kind: fault.Auth, Err: grant.ErrNoGrant}}, 149 * time.Second, 1, 2 * time.Minute, 0,
			status.Red, "not granted yet"},
		"the cloud's own trouble is tried again": {rig{gateway: never, err: errors.New("a page instead of data")}, 5*time.Minute - time.Second, 3, 2 * time.Minute, 0,
			status.Red, "a page instead of data"},
		"what the plan lacks is left alone": {rig{gateway: never, err: &fault.Error{Kind: fault.Unsupported, Err: errors.New("no")}}, time.Hour, 1, 2 * time.Minute, 0,
			status.Red, "cannot be asked"},
		"a gateway cut off from the cloud too": {rig{gateway: never, delay: time.Hour}, 3 * time.Minute, 1, 2 * time.Minute, 0,
			status.Red, "has not reported to Enphase since"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := c.rig
				r.play(t, c.length)
				if len(r.asked) != c.asked || c.asked > 0 && r.asked[0] != c.first {
					t.Errorf("asked at %v, want %d times from %s on", r.asked, c.asked, c.first)
				}
				if at := r.board.Get("cloud"); at.State != c.state || !strings.Contains(at.Message, c.message) {
					t.Errorf("condition is %+v", at)
				}
				if r.over != c.over {
					t.Errorf("over %d times, want %d", r.over, c.over)
				}
			})
		})
	}
}

func TestAGatewayThatComesAndGoesIsOneOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{gateway: func(d time.Duration) bool {
			return d >= 70*time.Minute || d > 10*time.Minute && d%(2*time.Minute) < time.Minute
		}}
		r.play(t, 80*time.Minute)
		if got := strings.Join(r.states, " "); got != "green yellow green" {
			t.Errorf("the condition was %s", got)
		}
		for _, since := range r.since {
			if !since.Equal(r.since[0]) {
				t.Errorf("the budget was told of outages since %v", r.since)
				break
			}
		}
		if r.over != 1 {
			t.Errorf("over %d times", r.over)
		}
	})
}
