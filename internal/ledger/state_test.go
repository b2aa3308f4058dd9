package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// FuzzStateFile: whatever the file holds, it is refused or the ledger counts
// with it, and can read what it saves. What Open does with a refused file is
// TestStateFile's.
func FuzzStateFile(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"gateways":{"g":null}}`))
	f.Add([]byte(`{"version":1,"gateways":{"g":{"serial":"s","at":1782036000000,"counters":{"ct":{"wh":5,"at":1782036000000,"moved":1}},` +
		`"flows":{"production":{"born":true,"published":7,"balance":7,"at":1782036000000,"terms":[{"name":"ct","sign":1,"seen":0}],` +
		`"marks":[{"q":1980040,"wh":3}]}}}}}`))
	f.Add([]byte(`{"version":1,"gateways":{"g":{"counters":{"ct":null},"flows":{"consumption":{"terms":[{"name":"flow/consumption","sign":1}]}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ledger.Decode(data)
		if err != nil {
			return
		}
		in := ledger.Input{Gateway: "g", Serial: "s", Zone: time.UTC, Time: noon,
			Accounts: []reading.Account{{Flow: reading.Production, Terms: []reading.Term{{Counter: "ct", Sign: 1}}}}}
		last := 0.0
		for i := range 20 {
			in.Time = in.Time.Add(time.Minute)
			in.Counters = []reading.Counter{{Name: "ct", Wh: float64(1000 + i), Time: in.Time}}
			out := l.Apply(in)
			if got := out.Energy.ProductionWh.Or(last); got < last {
				t.Fatalf("stepped down from %v to %v", last, got)
			} else {
				last = got
			}
		}
		saved, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Decode(saved); err != nil {
			t.Fatalf("cannot read what it wrote: %v", err)
		}
	})
}

// BenchmarkApply is a metered house with a storage CT,
// each second.
func BenchmarkApply(b *testing.B) {
	l, err := ledger.Open(ledger.Config{})
	if err != nil {
		b.Fatal(err)
	}
	h := &home{l: l, in: ledger.Input{Gateway: "g", Serial: "s", Zone: time.UTC, Time: noon}}
	h.house()
	b.ReportAllocs()
	for b.Loop() {
		h.in.Time = h.in.Time.Add(time.Second)
		for i := range h.in.Counters {
			h.in.Counters[i].Wh += 0.5
			h.in.Counters[i].Time = h.in.Time
		}
		l.Apply(h.in)
	}
}
