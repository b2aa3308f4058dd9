// Package live holds the newest reading of each gateway and hands it to whom
// it concerns at once: MQTT and the page. It keeps no past (the store does)
// and never waits for a slow listener: who lags misses the readings in
// between, and always gets the newest one.
package live

import (
	"maps"
	"slices"
	"sync"

	"envoyd/internal/reading"
)

// Hub is the meeting point. The zero Hub is ready.
type Hub struct {
	mu        sync.Mutex
	latest    map[string]*reading.Reading
	listeners map[*Listener]struct{}
}

// Listener receives readings until it is closed.
type Listener struct {
	hub *Hub
	// C carries readings in order. When the listener lags, the oldest one
	// waiting gives way.
	C <-chan *reading.Reading
	c chan *reading.Reading
}

// lag is how many readings may wait for one listener: a few gateways' worth.
const lag = 32

// Publish makes r the newest reading of its gateway. r and its slices must
// not be changed afterwards.
func (h *Hub) Publish(r *reading.Reading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.latest == nil {
		h.latest = make(map[string]*reading.Reading)
	}
	h.latest[r.Gateway] = r
	for l := range h.listeners {
		l.offer(r)
	}
}

// offer hands over r without waiting. Only Publish sends, under the hub's
// lock, so after one receive there is room.
func (l *Listener) offer(r *reading.Reading) {
	select {
	case l.c <- r:
		return
	default:
	}
	select {
	case <-l.c:
	default:
	}
	l.c <- r
}

// Latest returns the newest reading of a gateway, nil when there is none.
func (h *Hub) Latest(gateway string) *reading.Reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latest[gateway]
}

// All returns the newest reading of every gateway, ordered by gateway.
func (h *Hub) All() []*reading.Reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*reading.Reading, 0, len(h.latest))
	for _, g := range slices.Sorted(maps.Keys(h.latest)) {
		all = append(all, h.latest[g])
	}
	return all
}

// Listen starts listening. The newest readings of all gateways come first.
func (h *Hub) Listen() *Listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan *reading.Reading, lag)
	l := &Listener{hub: h, C: c, c: c}
	if h.listeners == nil {
		h.listeners = make(map[*Listener]struct{})
	}
	h.listeners[l] = struct{}{}
	for _, r := range h.latest {
		l.offer(r)
	}
	return l
}

// Close stops listening. C is not closed: nobody ranges over it.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	delete(l.hub.listeners, l)
}
