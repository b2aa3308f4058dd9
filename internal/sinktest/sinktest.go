// Package sinktest is the contract that every sink keeps, as one test suite:
// what deliver relies on when it moves a cursor, and no more.
//
// A sink's own tests build a Subject around the real program it writes to and
// call Run. The suite knows nothing of databases.
package sinktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

// Gateway is the installation of all records the suite writes.
const Gateway = "122333444555"

// Sink is what is tested.
type Sink interface {
	Write(ctx context.Context, batch []reading.Record) error
}

// Subject is a sink with an empty database behind it.
type Subject struct {
	Sink Sink
	// Stored returns what the database holds of the gateway's production in
	// W, by Unix time in ms. It fails the test when a moment is there twice.
	Stored func(t *testing.T) map[int64]float64
	// Away makes the database unreachable and returns what brings it back.
	Away func(t *testing.T) (back func())
	// Lose lets the database take a request and loses its answer, until the
	// returned function is called. Optional.
	Lose func(t *testing.T) (stop func())
	// Stall makes the database accept connections and say nothing. Optional.
	Stall func(t *testing.T)
	// Poison makes a record one that the database can never store. Optional:
	// some databases take everything.
	Poison func(rec *reading.Record)
}

// Start is the measurement time of the first record. It is recent, because
// databases refuse what is older than they keep.
func Start() time.Time { return time.Now().Add(-10 * time.Minute).Truncate(time.Minute).UTC() }

// Records returns n power records, a second apart, production rising from 1 W.
func Records(start time.Time, n int) []reading.Record {
	records := make([]reading.Record, n)
	for i := range records {
		records[i] = reading.Record{
			Seq: uint64(i + 1), Tier: reading.TierPower,
			Reading: reading.Reading{
				Gateway: Gateway, Serial: Gateway, Source: reading.Local, Quality: reading.Good,
				Time:   start.Add(time.Duration(i) * time.Second),
				Power:  reading.Power{ProductionW: reading.Of(float64(i + 1)), GridW: reading.Of(-5)},
				Energy: reading.Energy{ProductionWh: reading.Of(1000 + float64(i))},
			},
		}
	}
	return records
}

// Want returns what Stored is to return for records.
func Want(records []reading.Record) map[int64]float64 {
	want := map[int64]float64{}
	for _, r := range records {
		want[r.Time.UnixMilli()] = r.Power.ProductionW.Or(0)
	}
	return want
}

// Run runs the suite. Each part gets a subject of its own.
func Run(t *testing.T, newSubject func(t *testing.T) Subject) {
	parts := []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"everything is stored", everything},
		{"nothing to write is no error", nothing},
		{"written again is stored once", again},
		{"while away it is a passing fault and nothing is lost", away},
		{"a lost answer costs nothing", lostAnswer},
		{"poison is named and the rest stored", poison},
		{"nothing but poison is named", onlyPoison},
		{"the end of the context ends the write", stalled},
		{"an ended context writes nothing for good", ended},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) { p.test(t, newSubject(t)) })
	}
}

func write(t *testing.T, s Sink, batch []reading.Record) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return s.Write(ctx, batch)
}

func mustWrite(t *testing.T, s Sink, batch []reading.Record) {
	t.Helper()
	if err := write(t, s, batch); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func compare(t *testing.T, s Subject, want map[int64]float64) {
	t.Helper()
	if diff := cmp.Diff(want, s.Stored(t)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func everything(t *testing.T, s Subject) {
	records := Records(Start(), 50)
	for _, batch := range [][]reading.Record{records[:1], records[1:20], records[20:]} {
		mustWrite(t, s.Sink, batch)
	}
	compare(t, s, Want(records))
}

func nothing(t *testing.T, s Subject) {
	mustWrite(t, s.Sink, nil)
	empty := Records(Start(), 1)
	empty[0].Power, empty[0].Energy = reading.Power{}, reading.Energy{}
	mustWrite(t, s.Sink, empty)
	compare(t, s, map[int64]float64{})
}

func again(t *testing.T, s Subject) {
	records := Records(Start(), 30)
	mustWrite(t, s.Sink, records)
	mustWrite(t, s.Sink, records)
	mustWrite(t, s.Sink, records[10:20])
	compare(t, s, Want(records))
}

// passing fails the test unless err is one after which the batch is to be
// given again soon.
func passing(t *testing.T, err error) {
	t.Helper()
	_, rejected := errors.AsType[*fault.Rejected](err)
	if err == nil || rejected || !fault.Is(err, fault.Transient) {
		t.Fatalf("Write: %v, want a transient fault", err)
	}
}

func away(t *testing.T, s Subject) {
	records := Records(Start(), 30)
	mustWrite(t, s.Sink, records[:10])
	back := s.Away(t)
	passing(t, write(t, s.Sink, records[10:]))
	back()
	mustWrite(t, s.Sink, records[10:])
	compare(t, s, Want(records))
}

func lostAnswer(t *testing.T, s Subject) {
	if s.Lose == nil {
		t.Skip("this subject cannot lose answers")
	}
	records := Records(Start(), 30)
	stop := s.Lose(t)
	passing(t, write(t, s.Sink, records))
	stop()
	mustWrite(t, s.Sink, records)
	compare(t, s, Want(records))
}

func poison(t *testing.T, s Subject) {
	if s.Poison == nil {
		t.Skip("this database takes everything")
	}
	records := Records(Start(), 40)
	good := append(append([]reading.Record{}, records[:7]...), records[8:33]...)
	good = append(good, records[34:]...)
	s.Poison(&records[7])
	s.Poison(&records[33])
	named(t, write(t, s.Sink, records), []int{7, 33})
	compare(t, s, Want(good))
	named(t, write(t, s.Sink, records), []int{7, 33})
	compare(t, s, Want(good))
}

func onlyPoison(t *testing.T, s Subject) {
	if s.Poison == nil {
		t.Skip("this database takes everything")
	}
	records := Records(Start(), 9)
	for i := range records {
		s.Poison(&records[i])
	}
	named(t, write(t, s.Sink, records), []int{0, 1, 2, 3, 4, 5, 6, 7, 8})
	compare(t, s, map[int64]float64{})
}

func named(t *testing.T, err error, want []int) {
	t.Helper()
	rejected, ok := errors.AsType[*fault.Rejected](err)
	if !ok {
		t.Fatalf("Write: %v, want *fault.Rejected", err)
	}
	if rejected.Err == nil {
		t.Error("rejected without a reason")
	}
	if diff := cmp.Diff(want, rejected.Items); diff != "" {
		t.Fatalf("rejected items (-want +got):\n%s", diff)
	}
}

func stalled(t *testing.T, s Subject) {
	if s.Stall == nil {
		t.Skip("this subject cannot stall")
	}
	s.Stall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- s.Sink.Write(ctx, Records(Start(), 3)) }()
	select {
	case err := <-result:
		passing(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("Write went on after its context ended")
	}
}

func ended(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	records := Records(Start(), 3)
	passing(t, s.Sink.Write(ctx, records))
	mustWrite(t, s.Sink, records)
	compare(t, s, Want(records))
}
