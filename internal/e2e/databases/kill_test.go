package databases_test

import (
	"net/http"
	"testing"
	"time"

	"envoyd/internal/nettest"
)

// The daemon is killed at random moments; what a subscriber saw and what the
// gateway gave is in the database once.
func TestKilledDaemonLosesNothing(t *testing.T) {
	t.Parallel()
	db := newDouble(t)
	h := start(t, db, db.config())
	power := h.Subscribe("envoyd/+/power")
	for round := range 6 {
		h.more(2)
		switch round % 3 { // the database is in trouble half of the time
		case 1:
			db.loseAnswers()
		case 2:
			db.answer(http.StatusServiceUnavailable)
		}
		h.pause(2 * time.Second)
		h.kill()
		db.heal()
		h.pause(time.Second)
		h.StartDaemon()
	}
	h.more(3)
	h.settle(t)
	stored := h.stored(t)
	for at, values := range seen(t, power) {
		p, ok := stored[at]
		if !ok {
			t.Errorf("a subscriber saw %v at %s, the database never", values, time.UnixMilli(at).UTC())
		}
		for name, value := range values {
			if p.fields[name] != value {
				t.Errorf("%s at %s: a subscriber saw %v, the database %v", name, time.UnixMilli(at).UTC(), value, p.fields[name])
			}
		}
	}
}

// The same with the real thing, which is killed as well, and loses answers.
func TestRealDatabaseKilledAwayAndSilent(t *testing.T) {
	t.Parallel()
	db := startInflux(t)
	way := nettest.Listen(t, db.addr)
	h := start(t, db, db.section(way.Addr()))
	h.more(3)
	way.Set(t, nettest.CutAnswer)
	h.Wait("an answer to be lost", func() bool { return way.Cuts() > 1 })
	h.kill()
	way.Set(t, nettest.Pass)
	h.StartDaemon()
	h.more(2)
	db.kill()
	h.more(4)
	h.pause(time.Second)
	h.kill()
	h.StartDaemon()
	h.more(2)
	db.start(t)
	h.more(2)
	way.Set(t, nettest.Refuse)
	h.Wait("the loss to be said", func() bool { return h.Condition("influx").State != "green" })
	way.Set(t, nettest.Pass)
	h.settle(t)
}
