package store_test

import (
	"testing"

	"envoyd/internal/store"
)

func BenchmarkAppend(b *testing.B) {
	for _, ram := range []string{"/dev/shm", "-"} {
		b.Run("ram="+ram, func(b *testing.B) {
			s := open(b, store.Config{RAM: ram})
			h := newHome(noon)
			for b.Loop() {
				b.StopTimer()
				rec := h.next()
				b.StartTimer()
				if _, err := s.Append(rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
