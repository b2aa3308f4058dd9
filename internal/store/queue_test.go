package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/reading"
	"envoyd/internal/store"
)

func append1(t testing.TB, s *store.Store, rec reading.Record) uint64 {
	t.Helper()
	seq, err := s.Append(rec)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func drain(t testing.TB, s *store.Store, sink string) []reading.Record {
	t.Helper()
	var all []reading.Record
	for s.Backlog(sink) > 0 {
		batch, err := s.Next(t.Context(), sink, 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, batch...)
		if err := s.Advance(sink, batch[len(batch)-1].Seq); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func asJSON(t testing.TB, recs ...reading.Record) []string {
	t.Helper()
	var lines []string
	for _, r := range recs {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return lines
}

func TestReadingsComeBackAsTheyWere(t *testing.T) {
	for _, ram := range []string{"-", ""} {
		t.Run("ram="+ram, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, store.Config{Dir: dir, RAM: ram})
			if err := s.Register("influx"); err != nil {
				t.Fatal(err)
			}
			h := newHome(noon)
			var want []reading.Record
			for i := range 12000 { // more than one segment
				want = append(want, h.next())
				if i%60 == 0 {
					want = append(want, h.inverters())
				}
			}
			for i, rec := range want {
				if seq := append1(t, s, rec); seq != uint64(i+1) {
					t.Fatalf("seq = %d, want %d", seq, i+1)
				}
			}
			half := drain2(t, s, "influx", 5000)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, store.Config{Dir: dir, RAM: ram})
			got := append(half, drain(t, s, "influx")...)
			if diff := cmp.Diff(asJSON(t, want...), asJSON(t, got...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func drain2(t testing.TB, s *store.Store, sink string, n int) []reading.Record {
	t.Helper()
	batch, err := s.Next(t.Context(), sink, n)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(sink, batch[len(batch)-1].Seq); err != nil {
		t.Fatal(err)
	}
	return batch
}

func TestNextWaitsForAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, store.Config{})
		if err := s.Register("influx"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			batch, err := s.Next(t.Context(), "influx", 0)
			if err != nil || len(batch) != 1 || batch[0].Seq != 1 {
				t.Errorf("got %v, %v", batch, err)
			}
		})
		synctest.Wait()
		append1(t, s, simple(noon, 1))
		wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Advance("influx", 1); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(ctx, "influx", 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
	})
}
