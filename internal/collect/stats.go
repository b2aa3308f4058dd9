package collect

import (
	"sync"
	"time"

	"envoyd/internal/reading"
)

// stats counts what the daemon says about itself.
type stats struct {
	mu     sync.Mutex
	minute tally // since the last minute record
	hour   tally // since the last summary
	total  Totals
}

type tally struct {
	polls, failures int
	latency         time.Duration
}

// Totals are counts since the start.
type Totals struct {
	Polls, Failures uint64
	Refused         uint64        // values refused as untrue
	Held            uint64        // answers of which nothing was published
	Latency         time.Duration // of the last answer, to its last byte
	LatencySum      time.Duration
}

func (s *stats) count(latency time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.Polls++
	for _, t := range []*tally{&s.minute, &s.hour} {
		t.polls++
		t.latency += latency
		if err != nil {
			t.failures++
		}
	}
	if err != nil {
		s.total.Failures++
		return
	}
	s.total.Latency = latency
	s.total.LatencySum += latency
}

func (s *stats) refused(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.Refused += uint64(n)
}

func (s *stats) held() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.Held++
}

func (s *stats) totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// endMinute returns the last minute as the daemon's record and begins anew.
func (s *stats) endMinute() reading.Daemon {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.minute
	s.minute = tally{}
	d := reading.Daemon{
		Polls:    reading.Of(float64(t.polls)),
		Failures: reading.Of(float64(t.failures)),
		Refused:  reading.Of(float64(s.total.Refused)),
	}
	if t.polls > 0 {
		d.PollMs = reading.Of(t.latency.Seconds() * 1000 / float64(t.polls))
	}
	return d
}

// endHour returns the last hour and begins anew.
func (s *stats) endHour() tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.hour
	s.hour = tally{}
	return t
}

// Totals returns the counts since the start, for the metrics.
func (c *Collector) Totals() Totals { return c.stats.totals() }
