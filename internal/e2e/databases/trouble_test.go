package databases_test

import (
	"net/http"
	"testing"

	"envoyd/internal/status"
)

// A database that answers 429 and 503 and loses answers gets everything in the
// end, and the health tells of it meanwhile.
func TestBusyDatabaseGetsEverything(t *testing.T) {
	t.Parallel()
	db := newDouble(t)
	h := start(t, db, db.config())
	h.more(2)
	for _, trouble := range []struct {
		name  string
		begin func()
	}{
		{"429", func() { db.answer(http.StatusTooManyRequests, "Retry-After: 2") }},
		{"503", func() { db.answer(http.StatusServiceUnavailable) }},
		{"answers lost", db.loseAnswers},
	} {
		trouble.begin()
		h.Wait("the database to be in trouble: "+trouble.name, func() bool { return db.refused() > 1 })
		if c := h.Condition("influx"); c.State == status.Green || c.Message == "" || c.Mend == "" {
			t.Errorf("%s: the health says %+v", trouble.name, c)
		}
		db.heal()
		h.Wait("delivery after "+trouble.name, func() bool { return h.Condition("influx").State == status.Green })
	}
	h.settle(t)
}

// A token that is refused is a red condition that says what to do; once it is
// mended, everything is delivered.
func TestRefusedTokenIsSaidAndMended(t *testing.T) {
	t.Parallel()
	db := newDouble(t)
	db.answer(http.StatusUnauthorized)
	h := start(t, db, db.config())
	h.Wait("the token to be refused", func() bool { return h.Condition("influx").State == status.Red })
	if c := h.Condition("influx"); c.Mend != "Check influx.token, or influx.username and influx.password for InfluxDB 1.8." {
		t.Errorf("the health says %+v", c)
	}
	h.more(3)
	if h.Fresh() == nil {
		t.Error("the page has stopped")
	}
	db.heal()
	h.Wait("delivery", func() bool { return h.Condition("influx").State == status.Green })
	h.settle(t)
}
