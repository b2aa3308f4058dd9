package mqtt

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/live"
	"envoyd/internal/reading"
)

// rig is a broker made of a slice: one session in a bubble of fake time.
type rig struct {
	t      *testing.T
	hub    *live.Hub
	p      *Publisher
	lost   chan error
	births chan struct{}
	denied chan struct{}
	cancel context.CancelFunc
	ended  chan error

	mu   sync.Mutex
	sent []sent
	mute bool
}

type sent struct {
	message
	at time.Time
}

// token is an acknowledgement that came, or never will.
type token struct{ done chan struct{} }

func (k token) Wait() bool                     { <-k.done; return true }
func (k token) WaitTimeout(time.Duration) bool { return true }
func (k token) Done() <-chan struct{}          { return k.done }
func (k token) Error() error                   { return nil }

// newRig makes a publisher; start connects it.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, hub: &live.Hub{}}
	cfg := Config{URL: "mqtt://127.0.0.1", Hub: r.hub, Version: "1.2.3", HA: HomeAssistant{Prefix: "homeassistant"}, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.p = p
	return r
}

// start begins a new connection, after the end of the one before.
func (r *rig) start() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.lost, r.births, r.denied = make(chan error, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	r.cancel, r.ended = cancel, make(chan error, 1)
	s := newSession(r.p, r.send, events{r.lost, r.births, r.denied})
	go func() { r.ended <- s.run(ctx) }()
	synctest.Wait()
}

// stop ends the connection and forgets what was sent.
func (r *rig) stop() {
	r.cancel()
	r.cancel = nil
	if err := <-r.ended; err != nil {
		r.t.Error(err)
	}
	r.take()
}

func (r *rig) send(m message) paho.Token {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, sent{m, time.Now()})
	k := token{make(chan struct{})}
	if !r.mute || m.qos == 0 {
		close(k.done)
	}
	return k
}

// silence decides whether the broker acknowledges.
func (r *rig) silence(mute bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = mute
}

// publish gives a reading to the hub and lets everything happen.
func (r *rig) publish(v *reading.Reading) {
	r.hub.Publish(v)
	synctest.Wait()
}

// after lets time pass.
func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// take returns what was sent since the last time.
func (r *rig) take() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.sent
	r.sent = nil
	return all
}

// to filters by the end of the topic.
func to(all []sent, suffix string) []sent {
	var some []sent
	for _, s := range all {
		if strings.HasSuffix(s.topic, suffix) {
			some = append(some, s)
		}
	}
	return some
}

// topicsOf lists topics in the order of sending.
func topicsOf(all []sent) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.topic)
	}
	return names
}

// parsed decodes a JSON payload.
func parsed(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	return m
}

// last returns the newest message to a topic.
func last(t *testing.T, all []sent, suffix string) sent {
	t.Helper()
	some := to(all, suffix)
	if len(some) == 0 {
		t.Fatalf("nothing was sent to %s, only to %v", suffix, topicsOf(all))
	}
	return some[len(some)-1]
}

// bubble runs a test in fake time; the session ends with it.
func bubble(t *testing.T, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		test(t, r)
		if r.cancel != nil {
			r.stop()
		}
	})
}
