package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/collect"
	"envoyd/internal/fault"
	"envoyd/internal/firmware"
	"envoyd/internal/gateway"
	"envoyd/internal/hostclock"
	"envoyd/internal/ledger"
	"envoyd/internal/live"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

const serial = "122333444555"

// call is one request that the fake was asked.
type call struct {
	path string
	at   time.Time
	slow bool
}

// fake is a gateway whose behaviour is a few functions; nil ones are a healthy
// metered gateway of firmware 8.2 in Berlin.
type fake struct {
	firmware string
	imeter   bool
	clock    time.Duration // of the gateway, ahead of ours
	address  string        // where it is; "" = everywhere
	connect  func(address string) error
	page     func(path string) (body string, latency time.Duration, err error)
	info     func() error
	live     func() error

	mu    sync.Mutex
	calls []call
	// linked is the firmware that /info told last.
	linked string
}

func newFake() *fake { return &fake{firmware: "8.2.4345", imeter: true} }

func (f *fake) note(path string, slow bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{path, time.Now(), slow})
}

// change lets the fake behave differently from now on.
func (f *fake) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

// asked returns when a path was asked since then; "" is every path.
func (f *fake) asked(path string, since time.Time) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []time.Time
	for _, c := range f.calls {
		if (path == "" || c.path == path) && !c.at.Before(since) {
			all = append(all, c.at)
		}
	}
	return all
}

// busiest returns the most requests of any minute, and for what.
func (f *fake) busiest(path string) int {
	all := f.asked(path, time.Time{})
	most := 0
	for i := range all {
		n := 0
		for _, at := range all[i:] {
			if at.Sub(all[i]) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func (f *fake) Connect(_ context.Context, address string) (gateway.Info, error) {
	f.note("connect "+address, false)
	f.mu.Lock()
	connect, place := f.connect, f.address
	f.mu.Unlock()
	if connect != nil {
		if err := connect(address); err != nil {
			return gateway.Info{}, err
		}
	}
	if place != "" && address != place {
		return gateway.Info{}, away
	}
	return f.answer(address), nil
}

func (f *fake) answer(address string) gateway.Info {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.linked = f.firmware
	return gateway.Info{
		Serial: serial, Firmware: firmware.Version(f.firmware), IMeter: f.imeter, WebTokens: true,
		Time: now.Add(f.clock).Truncate(time.Second), Received: now, Address: address,
	}
}

func (f *fake) Info(context.Context) (gateway.Info, error) {
	f.note("/info", false)
	f.mu.Lock()
	info := f.info
	f.mu.Unlock()
	if info != nil {
		if err := info(); err != nil {
			return gateway.Info{}, err
		}
	}
	return f.answer("there"), nil
}

func (f *fake) Get(ctx context.Context, path string, slow bool) (gateway.Answer, error) {
	f.note(path, slow)
	f.mu.Lock()
	page, linked := f.page, f.linked
	f.mu.Unlock()
	if page == nil {
		page = f.healthy
	}
	began := time.Now()
	body, latency, err := page(path)
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		return gateway.Answer{}, ctx.Err()
	}
	if err != nil {
		return gateway.Answer{}, err
	}
	return gateway.Answer{
		Path: path, Body: []byte(body), Received: time.Now(), Latency: time.Since(began), Firmware: firmware.Version(linked),
	}, nil
}

func (f *fake) GetHTML(ctx context.Context, path string, slow bool) (gateway.Answer, error) {
	return f.Get(ctx, path, slow)
}

func (f *fake) EnableLive(context.Context) error {
	f.note("live", false)
	if f.live != nil {
		return f.live()
	}
	return nil
}

var (
	away    = &fault.Error{Kind: fault.Transient, Op: "asking", Err: gateway.ErrNotAGateway}
	busy    = &fault.Error{Kind: fault.Transient, Op: "asking", Err: gateway.ErrBusy}
	absent  = &fault.Error{Kind: fault.Unsupported, Op: "asking", Err: gateway.ErrNotFound}
	refused = &fault.Error{Kind: fault.Auth, Op: "asking", Err: gateway.ErrTokenRefused}
)

const meterList = `[{"eid":1,"state":"enabled","measurementType":"production","phaseMode":"three","phaseCount":1,"meteringStatus":"normal","statusFlags":[]},
 {"eid":2,"state":"enabled","measurementType":"net-consumption","phaseMode":"three","phaseCount":1,"meteringStatus":"normal","statusFlags":[]}]`

// healthy answers at once: 1200 W from the roof, 300 W to the grid.
func (f *fake) healthy(path string) (string, time.Duration, error) {
	const latency = 5 * time.Millisecond
	switch path {
	case "/ivp/meters":
		return meterList, latency, nil
	case "/ivp/meters/readings":
		return f.readings(time.Now(), 1200, 0), latency, nil
	case "/ivp/ensemble/inventory", "/api/v1/production/inverters":
		return "[]", latency, nil
	case "/home.json":
		return `{"timezone":"Europe/Berlin","network":{}}`, time.Second, nil
	}
	return "", latency, absent
}

// readings are both CTs, with counters that fit 1200 W all the time.
func (f *fake) readings(at time.Time, watts, ahead float64) string {
	f.mu.Lock()
	stamp := at.Add(f.clock).Unix()
	f.mu.Unlock()
	grown := math.Mod(float64(at.Unix()), 1e7) * 1200 / 3600
	one := func(eid int, w, dlvd, rcvd float64) string {
		return fmt.Sprintf(`{"eid":%d,"timestamp":%d,"actEnergyDlvd":%.2f,"actEnergyRcvd":%.2f,"activePower":%.1f,"apparentPower":%.1f,"voltage":230,"current":1,"freq":50,"channels":[]}`,
			eid, stamp, dlvd, rcvd, w, math.Abs(w))
	}
	return "[" + one(1, watts, 5e6+grown+ahead, 10) + "," + one(2, -300, 2e6+ahead, 1e6+grown/4+ahead) + "]"
}

// text is a log that may be read while it is written.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is a collector with everything around it.
type rig struct {
	t     *testing.T
	fake  *fake
	cfg   collect.Config
	hub   *live.Hub
	board *status.Board
	log   *text

	mu      sync.Mutex
	records []reading.Record
	seen    []*reading.Reading

	finds, refusals, saves, token atomic.Int64
	one                           *collect.Collector
}

func (r *rig) Append(rec reading.Record) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, rec)
	return uint64(len(r.records)), nil
}

// bubble runs a test in a bubble of fake time with a rig in it.
func bubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC))) // bubbles begin in 2000, when no ledger counts
		log := &text{}
		logger := slog.New(slog.NewTextHandler(log, nil))
		book, err := ledger.Open(ledger.Config{})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, fake: newFake(), hub: &live.Hub{}, board: status.NewBoard(logger), log: log}
		r.cfg = collect.Config{
			Gateway: serial, Serial: serial, Name: "Home", Address: "there",
			Targets: collect.Targets{
				Meters: time.Second, Batteries: 10 * time.Second, Inverters: time.Minute, Status: 15 * time.Minute,
			},
			Client: r.fake, Ledger: book, Keep: r, Hub: r.hub, Board: r.board, Clock: &hostclock.Clock{},
			TokenRefused: func() { r.refusals.Add(1) },
			TokenIssued:  func() time.Time { return time.Unix(r.token.Load(), 0) },
			Save:         func() { r.saves.Add(1) },
			Log:          logger,
		}
		test(t, r)
	})
}

// run starts the collector and a listener; they end with the bubble.
func (r *rig) run() {
	ctx, stop := context.WithCancel(r.t.Context())
	r.one = collect.New(r.cfg)
	heard := r.hub.Listen()
	var done sync.WaitGroup
	done.Go(func() {
		if err := r.one.Run(ctx); err != nil {
			r.t.Error("Run ended with", err)
		}
	})
	done.Go(func() {
		for {
			select {
			case one := <-heard.C:
				r.mu.Lock()
				r.seen = append(r.seen, one)
				r.mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
	})
	r.t.Cleanup(func() { stop(); done.Wait(); heard.Close() })
}

// pass lets time pass, and checks that no loop is overdue.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(time.Until(end), 10*time.Second))
		synctest.Wait()
		if stuck := r.board.Stuck(); len(stuck) > 0 {
			r.t.Fatalf("loops without a sign of life: %v", stuck)
		}
	}
}

// all returns what subscribers saw.
func (r *rig) all() []*reading.Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*reading.Reading(nil), r.seen...)
}

func (r *rig) last() *reading.Reading {
	r.t.Helper()
	one := r.hub.Latest(serial)
	if one == nil {
		r.t.Fatalf("nothing was published; log:\n%s", r.log)
	}
	return one
}

func (r *rig) state(name string) status.State { return r.board.Get(name + "/" + serial).State }

// good reports whether the newest reading is fresh.
func (r *rig) good() bool {
	one := r.hub.Latest(serial)
	return one != nil && one.Quality == reading.Good
}
