package store_test

import (
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/store"
)

// A gap is filled after what followed it is kept: the past must not take the
// place of the present, in memory, on disk, and after a restart.
func TestTheCloudFillsThePastBehindThePresent(t *testing.T) {
	dir := t.TempDir()
	open := func() *store.Store {
		s, err := store.Open(store.Config{Dir: dir, RAM: "-"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	keep := func(source reading.Source, at time.Time, wh float64) {
		rec := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{Gateway: "a", Source: source, Time: at}}
		rec.Power.ProductionW, rec.Energy.ProductionWh = reading.Of(wh), reading.Of(wh)
		if _, err := s.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		last, _ := s.Last("a", reading.TierPower)
		own, _ := s.LastFrom("a", reading.TierPower, reading.Local)
		if !last.Time.Equal(at.Add(time.Hour)) || !own.Time.Equal(at.Add(time.Hour)) {
			t.Errorf("%s the newest are of %s and %s", when, last.Time, own.Time)
		}
		for _, step := range []time.Duration{time.Minute, 15 * time.Minute, 24 * time.Hour} {
			h, err := s.History(t.Context(), store.Query{Gateway: "a", From: at, To: at.Add(61 * time.Minute), Step: step})
			if err != nil {
				t.Fatal(err)
			}
			highest := h.Rows[len(h.Rows)-1].Values[5]
			if highest.Or(0) != 200 {
				t.Errorf("%s in steps of %s the last counter is %s", when, step, highest)
			}
			if got := h.Rows[len(h.Rows)/2].Values[0]; step < time.Hour && got.Or(0) != 150 {
				t.Errorf("%s in steps of %s the gap has %s W", when, step, got)
			}
		}
	}
	keep(reading.Local, at, 100)
	keep(reading.Local, at.Add(time.Hour), 200)
	if err := s.Close(); err != nil { // the present is on disk
		t.Fatal(err)
	}
	s = open()
	keep(reading.Enlighten, at.Add(30*time.Minute), 150)
	check("before the fold")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	check("after a restart")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A Pi that was off for weeks fills them within a minute, between two folds.
func TestWeeksOfThePastAreKept(t *testing.T) {
	s, err := store.Open(store.Config{Dir: t.TempDir(), RAM: "-"})
	if err != nil {
		t.Fatal(err)
	}
	const minutes = 7 * 24 * 60
	end := time.Now().UTC().Truncate(time.Minute)
	begin := end.Add(-minutes * time.Minute)
	for i := range minutes {
		rec := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{Gateway: "a", Source: reading.Enlighten, Time: begin.Add(time.Duration(i) * time.Minute)}}
		rec.Power.ProductionW = reading.Of(1)
		if _, err := s.Append(rec); err != nil {
			t.Fatal(err)
		}
		if i%1000 != 0 {
			continue
		}
		if err := s.Fold(); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.History(t.Context(), store.Query{Gateway: "a", From: begin, To: end, Step: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range h.Rows {
		if !row.Values[0].Known() {
			t.Fatalf("nothing at %s", row.Time)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
