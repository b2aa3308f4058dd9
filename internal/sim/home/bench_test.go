package home_test

import (
	"testing"
	"time"

	"envoyd/internal/sim/home"
)

// BenchmarkSecond is what one second of a default home costs; a simulated year
// has 31 million of them.
func BenchmarkSecond(b *testing.B) {
	h := home.New(home.Config{Start: summer(), Batteries: 2})
	at := summer()
	for b.Loop() {
		at = at.Add(time.Second)
		h.Truth(at)
	}
}
