package app

import (
	"errors"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/store"
	"envoyd/internal/web"
)

// A mistyped serial must not look like a home without sun. A gateway that is
// no longer read keeps its history, also where a stretch of it is empty.
func TestHistoryOfAnUnknownGatewayIsRefused(t *testing.T) {
	s, err := store.Open(store.Config{Dir: t.TempDir(), RAM: "-"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &App{state: &state{store: s}, sites: []*site{{gateway: "122000000001"}}}
	rec := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{
		Gateway: "122000000002", Serial: "122000000002", Source: reading.Local, Time: time.Now().UTC(), Power: reading.Power{GridW: reading.Of(1)},
	}}
	if _, err := s.Append(rec); err != nil {
		t.Fatal(err)
	}
	long := time.Now().AddDate(0, -1, 0)
	for gateway, known := range map[string]bool{"122000000001": true, "122000000002": true, "122000000003": false} {
		_, err := a.history(t.Context(), web.Query{Gateway: gateway, From: long, To: long.Add(time.Hour)})
		if known != (err == nil) || !known && !errors.Is(err, web.ErrQuery) {
			t.Errorf("%s: %v", gateway, err)
		}
	}
}
