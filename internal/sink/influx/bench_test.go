package influx_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/sink/influx"
)

// BenchmarkWrite measures a full batch of a metered home: CPU and memory of
// ours for 500 records, 6 points each, against a server that only says yes.
func BenchmarkWrite(b *testing.B) {
	yes := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		b.SetBytes(r.ContentLength)
	}))
	b.Cleanup(yes.Close)
	s := newSink(b, influx.Config{URL: yes.URL})
	batch := make([]reading.Record, 500)
	full := everyQuantity()[0]
	full.Meters = append(full.Meters, full.Meters[1], full.Meters[1])
	full.Meters[2].Phase, full.Meters[3].Phase = "L1", "L3"
	start := time.Now().Truncate(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			start = start.Add(time.Second)
			batch[i] = full
			batch[i].Time = start
			batch[i].Meters = append([]reading.Meter(nil), full.Meters...)
			for m := range batch[i].Meters {
				batch[i].Meters[m].Time = start
			}
		}
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
