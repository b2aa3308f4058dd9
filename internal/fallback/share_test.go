package fallback_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/budget"
	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// pace is a budget that allows a call every so often, whoever makes it.
type pace struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
	got   []int // by gateway
}

// share is the cloud of one of the gateways on that budget.
type share struct {
	*pace
	gateway int
}

func (s share) Latest(context.Context, time.Time) (enlighten.Sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Before(s.next) {
		return enlighten.Sample{}, &fault.Error{Err: budget.ErrSpent, After: s.next.Sub(now)}
	}
	s.next = now.Add(s.every)
	s.got[s.gateway]++
	return enlighten.Sample{Time: now, Next: now.Add(16 * time.Minute), Power: reading.Power{ProductionW: reading.Of(1)}}, nil
}

func TestSilentGatewaysShareTheBudget(t *testing.T) {
	for _, gateways := range []int{2, 3} {
		for _, every := range []time.Duration{15 * time.Minute, 40 * time.Minute} {
			t.Run(strconv.Itoa(gateways)+" every "+every.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := &pace{every: every, got: make([]int, gateways)}
					began := time.Now()
					ctx, stop := context.WithCancel(t.Context())
					var parts sync.WaitGroup
					for i := range gateways {
						time.Sleep(time.Millisecond) // the order in each second
						parts.Go(func() {
							fallback.Run(ctx, fallback.Config{
								After: 2 * time.Minute, Cloud: share{p, i}, Board: status.NewBoard(slog.New(slog.DiscardHandler)), Name: "cloud",
								Contact: func() fallback.Contact {
									return fallback.Contact{Last: began, Silent: time.Since(began), Failures: 9}
								},
								StandIn: func(enlighten.Sample) bool { return true },
							})
						})
					}
					time.Sleep(24 * time.Hour)
					stop()
					parts.Wait()
					for i, n := range p.got {
						if fair := int(24 * time.Hour / every / time.Duration(gateways)); n < fair*9/10 {
							t.Errorf("gateway %d was answered %d times of %v, fair is %d", i, n, p.got, fair)
						}
					}
				})
			})
		}
	}
}
