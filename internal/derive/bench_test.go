package derive_test

import (
	"path/filepath"
	"testing"

	"envoyd/internal/derive"
)

// BenchmarkPoll is what each second costs: one answer of the meters parsed and
// a reading made of it.
func BenchmarkPoll(b *testing.B) {
	c := openCapture(b, filepath.Join(capturesDir(b), "8.2.4345_with_device_data"))
	s := c.probe()
	p := derive.MakePlan(s)
	body, _ := c.answer("/ivp/meters/readings")
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Put("/ivp/meters/readings", body, c.at); err != nil {
			b.Fatal(err)
		}
		p.Derive(s, derive.Clock{}, c.at)
	}
}
